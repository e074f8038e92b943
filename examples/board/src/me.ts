// Who this window is, for as long as it lives: another window of the same browser may be somebody else.
import { readCookie, userCookie, userHeader, userId } from '../people.ts'

/** The user of this window. The server has put a name into the cookie, if the address did not say one. */
export const me =
  userId(new URLSearchParams(location.search).get('user')) ?? userId(readCookie(document.cookie, userCookie)) ?? 'guest'

/** What every request of this window says about who is asking. */
export const identity = { [userHeader]: me }

/** Makes this window somebody else's. */
export function become(user: string): void {
  location.search = `?user=${user}`
}
