// Who is on the board right now: a face for each of the others, and the sum in words.
import { displayName } from '../people.ts'
import { useHubPresence } from './hub.ts'
import { me } from './me.ts'
import { Avatar } from './person.tsx'

const MOST_FACES = 4

export function Online() {
  const here = useHubPresence('board')
  if (!here) return null
  const { users, count, stale } = here
  const others = users.filter((user) => user !== me)
  const more = count - (users.length - others.length)
  const words = more === 0 ? 'Only you' : `You and ${more} ${more === 1 ? 'other' : 'others'}`
  const names = others.map(displayName).join(', ')
  return (
    <p
      className="online"
      role="status"
      aria-label="On the board"
      data-stale={stale}
      title={`${stale ? 'Were here when the connection was lost' : 'Here now'}: ${names || 'nobody else'}`}
    >
      <span className="faces" aria-hidden="true">
        {others.slice(0, MOST_FACES).map((user) => (
          <Avatar key={user} user={user} />
        ))}
      </span>
      {words}
      {stale && <span className="visually-hidden"> when the connection was lost</span>}
    </p>
  )
}
