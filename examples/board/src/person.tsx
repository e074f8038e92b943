// A person as a small round badge: the same colour and letters everywhere.
import type { CSSProperties } from 'react'
import { displayName } from '../people.ts'

// Far enough apart to be told from each other, and none of them the red of trouble.
const hues = [70, 125, 175, 215, 255, 290, 325, 355]

/** The colour of a person, as a hue for the style sheet. */
export function hueOf(user: string): CSSProperties {
  let sum = 0
  for (const letter of user) sum = (sum * 31 + letter.charCodeAt(0)) % 9973
  return { '--hue': hues[sum % hues.length] } as CSSProperties
}

export function Avatar({ user }: { user: string }) {
  const letters = displayName(user)
    .split(' ')
    .map((word) => word.charAt(0))
  return (
    <span className="avatar" style={hueOf(user)} aria-hidden="true">
      {letters.slice(0, 2).join('')}
    </span>
  )
}
