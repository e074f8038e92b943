// The events as they arrive, newest first: which of them to see, and what each carries.
import { memo, type ReactElement, useMemo, useState } from 'react'
import type { Arrival } from './recorder.ts'
import { Section } from './section.tsx'
import { clockTime, json, many, peek, took } from './words.ts'

// More than anybody reads; the filters look at all that is kept.
const MAX_SHOWN = 100

interface Filters {
  readonly type: string
  readonly topic: string
  readonly text: string
}

const none: Filters = { type: '', topic: '', text: '' }

const passes = ({ event }: Arrival, { type, topic, text }: Filters): boolean =>
  (type === '' || event.type === type) &&
  (topic === '' || event.topic === topic) &&
  (text === '' || json(event).toLowerCase().includes(text.toLowerCase()))

const uniqueOf = (arrivals: readonly Arrival[], of: (arrival: Arrival) => string): string[] =>
  [...new Set(arrivals.map(of))].sort()

export interface EventListProps {
  readonly arrivals: readonly Arrival[]
  readonly count: number
  readonly isInspected: boolean
  readonly onClear: () => void
}

/** Written again only when there is more: the panel's clock ticks four times a second. */
export const EventList = /* @__PURE__ */ memo(function EventList({
  arrivals,
  count,
  isInspected,
  onClear,
}: EventListProps): ReactElement {
  const [filters, setFilters] = useState(none)
  const set = (change: Partial<Filters>) => setFilters((old) => ({ ...old, ...change }))
  const wanted = useMemo(() => arrivals.filter((each) => passes(each, filters)), [arrivals, filters])
  const shown = wanted.slice(-MAX_SHOWN).reverse()
  const empty = () => {
    if (!isInspected) return 'Events are seen only of a client that createInspectedClient has made.'
    if (arrivals.length === 0) return 'No event has arrived yet.'
    return wanted.length === 0 ? 'No event is like that.' : undefined
  }
  const all = many(count, 'event')
  const more = wanted.length < arrivals.length ? `${wanted.length} of ${all}, filtered` : all
  return (
    <div className="hubdt-column hubdt-events">
      <Section title="Events" more={more}>
        <div className="hubdt-filters">
          <Choice
            label="Type"
            all="All types"
            of={uniqueOf(arrivals, ({ event }) => event.type)}
            value={filters.type}
            onChange={(type) => set({ type })}
          />
          <Choice
            label="Topic"
            all="All topics"
            of={uniqueOf(arrivals, ({ event }) => event.topic)}
            value={filters.topic}
            onChange={(topic) => set({ topic })}
          />
          <input
            type="search"
            aria-label="Text"
            placeholder="Any text"
            value={filters.text}
            onChange={({ target }) => set({ text: target.value })}
          />
          <button type="button" className="hubdt-button" onClick={onClear}>
            Clear list
          </button>
        </div>
        {empty() === undefined ? (
          <ol className="hubdt-list">
            {shown.map((arrival) => (
              <li key={arrival.n}>
                <EventRow arrival={arrival} />
              </li>
            ))}
          </ol>
        ) : (
          <p className="hubdt-empty">{empty()}</p>
        )}
      </Section>
    </div>
  )
})

function EventRow({ arrival: { at, event, tookMs, isRepeat } }: { arrival: Arrival }) {
  const { type, topic, user, cursor, data } = event
  const [open, setOpen] = useState(false)
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        <time>{clockTime(at, true)}</time>
        <b>{type}</b>
        <span className="hubdt-quiet">{topic}</span>
        <code className="hubdt-peek" title={json(data)}>
          {peek(data)}
        </code>
        <span className="hubdt-took">{isRepeat ? 'had it' : took(tookMs)}</span>
      </summary>
      {/* Written only when it is looked at: there may be a hundred. */}
      {open && (
        <div className="hubdt-payload">
          <p>
            {user === undefined ? 'from the server' : `by ${user}`} ·{' '}
            {cursor ? <code>{cursor}</code> : 'ephemeral, without a cursor'} · published {clockTime(event.at, true)} ·
            id <code>{event.id}</code>
          </p>
          <pre>{json(data, 2)}</pre>
        </div>
      )}
    </details>
  )
}

interface ChoiceProps {
  readonly label: string
  readonly all: string
  readonly of: readonly string[]
  readonly value: string
  readonly onChange: (value: string) => void
}

function Choice({ label, all, of, value, onChange }: ChoiceProps) {
  return (
    <select aria-label={label} value={value} onChange={({ target }) => onChange(target.value)}>
      <option value="">{all}</option>
      {of.map((each) => (
        <option key={each}>{each}</option>
      ))}
    </select>
  )
}
