// What others just did, for the few seconds in which a person wants to see it.
import { useEffect, useRef, useState } from 'react'
import { displayName } from '../people.ts'
import { useHubEvent } from './hub.ts'
import { me } from './me.ts'

const shownForMs = 5_000

/** What somebody else just did to a card. */
export interface Activity {
  readonly user: string
  readonly verb: 'added' | 'edited' | 'moved' | 'commented on'
}

/** The newest activity of each card, by card id. */
export function useActivity(): ReadonlyMap<string, Activity> {
  const [recent, setRecent] = useState<ReadonlyMap<string, Activity>>(new Map())
  const timers = useRef(new Map<string, ReturnType<typeof setTimeout>>())

  const note = (verb: Activity['verb']) => (event: { data: { id: string; changedBy: string } }) => {
    const { id, changedBy: user } = event.data
    if (user === me) return
    setRecent((old) => new Map(old).set(id, { user, verb }))
    clearTimeout(timers.current.get(id))
    timers.current.set(
      id,
      setTimeout(() => {
        timers.current.delete(id)
        setRecent((old) => new Map([...old].filter(([other]) => other !== id)))
      }, shownForMs),
    )
  }
  useHubEvent('card.created', { topic: 'board' }, note('added'))
  useHubEvent('card.updated', { topic: 'board' }, note('edited'))
  useHubEvent('card.moved', { topic: 'board' }, note('moved'))
  useHubEvent('card.commented', { topic: 'board' }, note('commented on'))

  useEffect(() => {
    const running = timers.current
    return () => running.forEach(clearTimeout)
  }, [])
  return recent
}

/** An activity in words: `Grace moved this`. */
export const sentence = ({ user, verb }: Activity, what = 'this'): string => `${displayName(user)} ${verb} ${what}`
