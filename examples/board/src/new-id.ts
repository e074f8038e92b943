// Names for what a person makes. The page chooses them, so that trying again after a lost answer makes nothing twice.

/** A fresh id. `crypto.randomUUID` exists only on https and localhost; a board on a local network must work too. */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
