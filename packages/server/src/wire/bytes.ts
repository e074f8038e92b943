// How long a text is in UTF-8, without making a copy of it that nobody wants.

const encoder = new TextEncoder()
// Nearly every event fits, and the bytes are forgotten at once: a buffer of one's own costs several times as much as its content.
const scratch = new Uint8Array(24_576)

/** How many bytes the text has in UTF-8. */
export function byteLength(text: string): number {
  // A UTF-16 unit needs at most three.
  return text.length * 3 > scratch.length ? encoder.encode(text).length : encoder.encodeInto(text, scratch).written
}
