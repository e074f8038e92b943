// The state of the connection as a person meets it: a badge that is always there, and a banner while something is wrong.
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { client, useHubStatus } from './hub.ts'
import { cardsQuery } from './queries.ts'
import { ago, useNow } from './time.ts'
import { describe, type Words } from './words.ts'

/** What badge and banner show. */
interface Connection extends Words {
  /** When the connection was lost, in milliseconds since 1970. */
  readonly lostAt: number | undefined
  /** When it is tried again by itself; undefined while it is being tried, or never. */
  readonly retryAt: number | undefined
  readonly trying: boolean
}

export function useConnection(): Connection {
  const status = useHubStatus()
  const [lostAt, setLostAt] = useState<number>()
  const [retryAt, setRetryAt] = useState<number>()
  const savable = useServerAnswers(lostAt)
  useEffect(() => {
    if (status.phase === 'live') setLostAt(undefined)
    if (status.phase === 'down' || status.phase === 'stopped') setLostAt((since) => since ?? Date.now())
    setRetryAt(status.phase === 'down' ? Date.now() + status.retryInMs : undefined)
  }, [status])
  return { ...describe(status, savable, lostAt !== undefined), lostAt, retryAt, trying: status.phase === 'connecting' }
}

/** Whether the rest of the server answers: known from the board's own reads while the hub is away. */
function useServerAnswers(lostAt: number | undefined): boolean | undefined {
  const { dataUpdatedAt, errorUpdatedAt, failureCount } = useQuery(cardsQuery)
  if (failureCount > 0 || errorUpdatedAt > dataUpdatedAt) return false
  return lostAt !== undefined && dataUpdatedAt > lostAt ? true : undefined
}

export function ConnectionBadge({ connection: { tone, badge, headline, meanwhile } }: { connection: Connection }) {
  return (
    <p className="badge" data-tone={tone} role="status" aria-label="Connection" title={`${headline}. ${meanwhile}`}>
      <span className="badge-dot" aria-hidden="true" />
      <strong>{badge}</strong>
      {tone === 'live' && <span className="badge-more">{meanwhile}</span>}
    </p>
  )
}

export function ConnectionBanner({ connection }: { connection: Connection }) {
  const { tone, headline, meanwhile, lostAt, retryAt, trying } = connection
  if (tone !== 'down') return null
  return (
    <section className="banner" aria-label="Connection trouble">
      <span className="banner-icon" aria-hidden="true" />
      <div role="alert">
        <h2>{headline}</h2>
        <p>{meanwhile}</p>
      </div>
      <p className="banner-when">
        <Countdown retryAt={retryAt} trying={trying} />
        {lostAt !== undefined && <Since at={lostAt} />}
      </p>
      <button type="button" className="button primary" onClick={tryNow} disabled={trying}>
        Try now
      </button>
    </section>
  )
}

function tryNow() {
  client.start()
  client.emit({ type: 'button.clicked', data: { button: 'try-now' } })
}

function Countdown({ retryAt, trying }: { retryAt: number | undefined; trying: boolean }) {
  const now = useNow(250)
  if (trying) return <strong>Trying to reconnect…</strong>
  if (retryAt === undefined) return null
  const seconds = Math.max(1, Math.ceil((retryAt - now) / 1000))
  return <strong>Trying again in {seconds} s</strong>
}

function Since({ at }: { at: number }) {
  return <span>Last live {ago(at, useNow(1_000))}</span>
}
