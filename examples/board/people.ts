// Who somebody is, for server and browser alike. A demo needs no passwords: you are who you say you are, by `?user=` or a cookie.

/** The cookie that remembers who a browser is. */
export const userCookie = 'board_user'

/** The header by which a window says who it is, so that two windows of one browser can be two people. */
export const userHeader = 'Board-User'

/** Turns what somebody typed into a user id (`Ada Lovelace` into `ada-lovelace`), or undefined if nothing is left of it. */
export function userId(text: string | null | undefined): string | undefined {
  const id = (text ?? '')
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 32)
    .replace(/^-+|-+$/g, '')
  return id === '' ? undefined : id
}

/** How an id is shown: `ada-lovelace` as `Ada Lovelace`. */
export function displayName(user: string): string {
  return user.replace(/(^|-)([a-z0-9])/g, (_, dash: string, letter: string) => (dash && ' ') + letter.toUpperCase())
}

/** Reads one cookie out of a `Cookie` header, or out of `document.cookie`. */
export function readCookie(cookies: string | null | undefined, name: string): string | undefined {
  return cookies
    ?.split('; ')
    .find((cookie) => cookie.startsWith(`${name}=`))
    ?.slice(name.length + 1)
}
