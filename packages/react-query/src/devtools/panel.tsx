// The panel: how things stand and what to do, what is known of the connection, and all that happens, at a glance.
import { type ReactElement, type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { EventList } from './events.tsx'
import type { Fault } from './faults.ts'
import { LatencyChart } from './latency.tsx'
import { Conflicts, Gaps, History, Joins, LiveQueries, Mutations } from './lists.tsx'
import type { Recorder, View } from './recorder.ts'
import { adopt } from './styles.ts'
import { summarize } from './summary.ts'
import { clockTime, many, shortCursor, span } from './words.ts'

/** `auto`: as the system says. */
export type Theme = 'auto' | 'light' | 'dark'

/** What the panel takes. */
export interface PanelProps {
  readonly recorder: Recorder
  readonly theme: Theme
  /** What stands at the end of the first line: a switch, a way to close it. */
  readonly corner?: ReactNode
  /** Tries to connect now. */
  readonly onTry: () => void
}

/** The time of day, again and again. */
function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}

export function Panel({ recorder, theme, corner, onTry }: PanelProps): ReactElement {
  const view = useSyncExternalStore(recorder.subscribe, recorder.get, recorder.get)
  const now = useNow(250)
  const box = useRef<HTMLElement>(null)
  useEffect(() => (box.current ? adopt(box.current) : undefined), [])
  const { tone } = summarize(view, now)
  return (
    <section ref={box} className="hubdt" data-theme={theme} data-tone={tone} aria-label="sse-hub devtools">
      <Head view={view} now={now} corner={corner} onTry={onTry} />
      <Facts view={view} now={now} />
      <Breakers view={view} act={recorder.act} />
      <div className="hubdt-body">
        <EventList
          arrivals={view.arrivals}
          count={view.count}
          isInspected={view.isInspected}
          onClear={recorder.clear}
        />
        <div className="hubdt-column">
          <LiveQueries view={view} />
          <Mutations rows={view.mutations} now={now} />
          <Conflicts rows={view.conflicts} />
          <Joins rows={view.joins} />
        </div>
        <div className="hubdt-column">
          <LatencyChart arrivals={view.arrivals} />
          <Gaps view={view} />
          <History view={view} />
        </div>
      </div>
    </section>
  )
}

function Head({ view, now, corner, onTry }: Pick<PanelProps, 'corner' | 'onTry'> & { view: View; now: number }) {
  const { state, cause, next, retryAt, canTry } = summarize(view, now)
  // Each attempt is another status; what matters is how long nothing has come.
  const since = view.lostAt ?? view.since
  const seconds = retryAt === undefined ? undefined : Math.max(0, Math.ceil((retryAt - now) / 1_000))
  return (
    <header className="hubdt-head">
      <div className="hubdt-say">
        <p className="hubdt-state">
          <span className="hubdt-lamp" aria-hidden="true" />
          {/* Told aloud when it changes; the seconds are not, or they would be without end. */}
          <strong role="status">{state}</strong>
          {seconds !== undefined && <span className="hubdt-count">tries again in {seconds} s</span>}
          <span className="hubdt-since">
            {view.isSinceBegin ? 'since before' : 'since'} {clockTime(since)} ({span(now - since)})
          </span>
        </p>
        <dl className="hubdt-why">
          <dt>Why</dt>
          <dd data-why="cause">{cause}</dd>
          <dt>Next</dt>
          <dd data-why="next">{next}</dd>
        </dl>
      </div>
      <div className="hubdt-corner">
        {canTry && (
          <button type="button" className="hubdt-button hubdt-main" onClick={onTry}>
            Try now
          </button>
        )}
        {corner}
      </div>
    </header>
  )
}

function Facts({ view, now }: { view: View; now: number }) {
  const { status, tabs, topics, cursor, heardAt, heartbeatMs, isInspected } = view
  const via = status.phase === 'live' || status.phase === 'connecting' ? status.via : undefined
  const last = view.arrivals.at(-1)
  const user = status.phase === 'live' ? (status.user ?? 'anonymous') : undefined
  return (
    <dl className="hubdt-facts">
      <Fact name="Via">
        {via === undefined ? 'no connection' : { sse: 'stream', poll: 'pages', tab: 'another tab' }[via]}
      </Fact>
      <Fact name="This tab">{roleOf(via, tabs)}</Fact>
      {user !== undefined && <Fact name="User">{user}</Fact>}
      <Fact name="Topics">
        {topics.length === 0
          ? 'none'
          : topics.map(({ topic, state }) => (
              <span key={topic} className="hubdt-topic" data-state={state}>
                {topic} <small>{state}</small>
              </span>
            ))}
      </Fact>
      <Fact name="Cursor">
        <code title={cursor}>
          {cursor === undefined ? (isInspected ? 'none yet' : 'unknown') : shortCursor(cursor)}
        </code>
      </Fact>
      <Fact name="Lag">
        {last ? `last event took ${Math.round(last.tookMs)} ms` : 'no event yet'}
        {heardAt !== undefined && `, ${status.phase === 'live' ? '' : 'last '}heard ${span(now - heardAt)} ago`}
        {!!heartbeatMs && status.phase === 'live' && ` (a heartbeat every ${span(heartbeatMs)})`}
      </Fact>
    </dl>
  )
}

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)

function roleOf(via: string | undefined, tabs: number | undefined): string {
  if (via === undefined) return 'waits'
  if (via === 'tab') return tabs === undefined ? 'follows' : `follows · ${many(tabs, 'tab')}`
  if (tabs === undefined) return 'reads for itself'
  return tabs === 1 ? 'leads · the only tab' : `leads · ${tabs} tabs`
}

/** Why something cannot be broken now; undefined where it can. */
function whyNot(what: 'cut' | 'gap' | Fault, { fault, status }: View): string | undefined {
  // What lasts can always be healed.
  if (fault === what) return undefined
  if (fault !== undefined) return 'Heal first.'
  if (status.phase !== 'live') return 'There is no connection to break.'
  if (status.via === 'tab') return 'Another tab reads the stream: break it there.'
  return what === 'cut' && status.via === 'poll' ? 'There is no stream to cut.' : undefined
}

const breakers: readonly { readonly what: 'cut' | 'gap' | Fault; readonly name: string; readonly hint: string }[] = [
  { what: 'cut', name: 'Cut', hint: 'Break the stream, once: the client comes back by itself and loses nothing' },
  {
    what: 'gap',
    name: 'Gap',
    hint: 'Break the stream and ask from a place that the log does not know: queries are read again',
  },
  {
    what: 'silent',
    name: 'Go silent',
    hint: 'Let nothing through in either direction, without an error, until healed',
  },
  { what: 'disabled', name: 'Disable', hint: 'Play a hub that is switched off, until healed' },
]

function Breakers({ view, act }: { view: View; act: Recorder['act'] }) {
  const { fault, isInspected } = view
  if (!isInspected) {
    return (
      <p className="hubdt-breakers">
        Events, cursor and faults are not seen here: make the client with <code>createInspectedClient</code> instead of{' '}
        <code>createHubClient</code>.
      </p>
    )
  }
  return (
    <div className="hubdt-breakers" role="toolbar" aria-label="Faults for development">
      <span>Break it:</span>
      {breakers.map(({ what, name, hint }) => {
        const lasts = what === 'silent' || what === 'disabled'
        const not = whyNot(what, view)
        return (
          <button
            key={what}
            type="button"
            className="hubdt-button"
            title={not === undefined ? hint : `${hint}. ${not}`}
            // Not `disabled`: that would take the focus from whoever has just pressed it.
            aria-disabled={not !== undefined}
            {...(lasts && { 'aria-pressed': fault === what })}
            onClick={() => not === undefined && act(fault === what ? 'heal' : what)}
          >
            {name}
          </button>
        )
      })}
      {fault !== undefined && (
        <button
          type="button"
          className="hubdt-button hubdt-main"
          title="End the fault that was made here, and connect at once"
          onClick={() => act('heal')}
        >
          Heal
        </button>
      )}
      {fault === undefined && <span>{whyNot('gap', view)}</span>}
    </div>
  )
}
