// Who is asking: `?user=` wins, then the header that our own page sends, then the cookie. A first visitor is given a name.
import { randomInt } from 'node:crypto'
import { readCookie, userCookie, userHeader, userId } from '../people.ts'

/** The user that a request speaks for, or undefined for somebody who has not said. `header` looks one header up. */
export function whoIs(url: URL, header: (name: string) => string | null | undefined): string | undefined {
  return (
    userId(url.searchParams.get('user')) ??
    userId(header(userHeader)) ??
    userId(readCookie(header('cookie'), userCookie))
  )
}

/** The `Set-Cookie` that remembers a user for a year. The page reads it, so it is not HttpOnly: it holds a name and no secret. */
export function rememberUser(user: string): string {
  return `${userCookie}=${user}; Path=/; Max-Age=31536000; SameSite=Lax`
}

const manners = ['brisk', 'calm', 'clever', 'cosy', 'jolly', 'keen', 'lucky', 'merry', 'nimble', 'quiet', 'sunny']
const animals = ['badger', 'beaver', 'crane', 'falcon', 'finch', 'heron', 'lynx', 'marten', 'otter', 'puffin', 'robin']

/** A friendly name for somebody who has not given one. */
export function guestName(): string {
  return `${manners[randomInt(manners.length)]}-${animals[randomInt(animals.length)]}`
}
