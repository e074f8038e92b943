// The state of the connection as a person meets it: a badge that is always there, and a banner while something is wrong.
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { api } from './api.ts'
import { client, useHubStatus } from './hub.ts'
import { ago, useNow } from './time.ts'
import { describe, type Words } from './words.ts'

/** What badge and banner show. */
interface Connection extends Words {
  /** When the board was live last; undefined if it never was. */
  readonly liveAt: number | undefined
  /** When it is tried again by itself; undefined while it is being tried, or never. */
  readonly retryAt: number | undefined
  readonly trying: boolean
}

export function useConnection(): Connection {
  const status = useHubStatus({ topic: 'board' })
  const { live } = status
  const [liveAt, setLiveAt] = useState<number>()
  const [lost, setLost] = useState(false)
  const [retryAt, setRetryAt] = useState<number>()
  useEffect(() => {
    if (status.phase === 'live') setLost(false)
    if (status.phase === 'down' || status.phase === 'stopped') setLost(true)
    setRetryAt(status.phase === 'down' ? Date.now() + status.retryInMs : undefined)
  }, [status])
  useEffect(() => {
    if (!live) return
    // Taken when it ends.
    return () => setLiveAt(Date.now())
  }, [live])
  const answering = useServerAnswers(lost)
  return { ...describe({ status, live, lost, answering }), liveAt, retryAt, trying: status.phase === 'connecting' }
}

/** Whether the server answers at all, asked only while the connection is lost; undefined until it is known. */
function useServerAnswers(lost: boolean): boolean | undefined {
  const { isSuccess, isError } = useQuery({
    queryKey: ['server answers'],
    queryFn: ({ signal }) => api.me(signal),
    enabled: lost,
    refetchInterval: 5_000,
    retry: false,
    gcTime: 0,
    networkMode: 'always',
  })
  if (!lost) return undefined
  return isSuccess ? true : isError ? false : undefined
}

export function ConnectionBadge({ connection: { tone, badge, headline, meanwhile } }: { connection: Connection }) {
  return (
    <p className="badge" role="status" aria-label="Connection" title={`${headline}. ${meanwhile}`}>
      <span className="badge-dot" aria-hidden="true" />
      <strong>{badge}</strong>
      {tone === 'live' && <span className="badge-more">{meanwhile}</span>}
    </p>
  )
}

export function ConnectionBanner({ connection }: { connection: Connection }) {
  const { tone, headline, meanwhile, liveAt, retryAt, trying } = connection
  if (tone !== 'down' && tone !== 'paused') return null
  return (
    <section className="banner" aria-label="Connection trouble">
      <span className="banner-icon" aria-hidden="true" />
      <div role="alert">
        <h2>{headline}</h2>
        <p>{meanwhile}</p>
      </div>
      <p className="banner-when">
        <Countdown retryAt={retryAt} trying={trying} />
        {liveAt !== undefined && <LastLive at={liveAt} />}
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
  return <strong>Trying again in {Math.max(1, Math.ceil((retryAt - now) / 1000))} s</strong>
}

function LastLive({ at }: { at: number }) {
  return <span>Last update {ago(at, useNow(1_000))}</span>
}
