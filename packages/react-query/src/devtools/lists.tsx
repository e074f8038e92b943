// What happens to live queries and to the connection, one list for each kind.
import type { ReactElement } from 'react'
import type { LiveRow, MutationRow, NotedConflict, NotedJoin, View } from './recorder.ts'
import { Section } from './section.tsx'
import { clockTime, json, many, shortCursor, span } from './words.ts'

const stateWords: Readonly<Record<LiveRow['state'], string>> = {
  live: 'live',
  reading: 'reading…',
  due: 'will poll',
  polling: 'polls',
  lost: 'stale, not polled',
  error: 'failed',
  idle: 'not mounted',
}

export function LiveQueries({ view: { queries } }: { view: View }): ReactElement {
  const sum = (of: 'polls' | 'avoided') => queries.reduce((total, row) => total + Math.floor(row[of]), 0)
  return (
    <Section
      title="Live queries"
      more={`${many(sum('polls'), 'poll')}, ${sum('avoided')} avoided`}
      empty={queries.length === 0 ? 'No live query is in the cache.' : undefined}
    >
      <table>
        <thead>
          <tr>
            <th scope="col">Query</th>
            <th scope="col">State</th>
            <th scope="col" title="How often it was read, for whatever reason">
              Reads
            </th>
            <th scope="col" title="Reads because the hub was away; and those that it spared">
              Polls / avoided
            </th>
          </tr>
        </thead>
        <tbody>
          {queries.map(({ key, topics, state, pollMs, fetches, polls, avoided }) => (
            <tr key={key}>
              <th scope="row" title={`of ${topics.join(', ')}`}>
                {key}
              </th>
              <td data-state={state}>
                {stateWords[state]}
                {(state === 'polling' || state === 'due') && pollMs ? ` every ${span(pollMs)}` : ''}
              </td>
              <td>{fetches}</td>
              <td>{pollMs ? `${polls} / ${Math.floor(avoided)}` : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  )
}

export function Mutations({ rows, now }: { rows: readonly MutationRow[]; now: number }): ReactElement {
  return (
    <Section
      title="Mutations"
      more={many(rows.filter(({ state }) => state !== 'failed').length, 'pending', 'pending')}
      empty={rows.length === 0 ? 'None is pending, none has failed.' : undefined}
    >
      <ul className="hubdt-list">
        {rows.map(({ id, name, state, at, optimistic, variables, error }) => (
          <li key={id}>
            <details>
              <summary>
                <b>{name}</b>
                <span data-state={state}>{state === 'sent' ? `sent ${span(now - at)} ago` : state}</span>
                {optimistic.length > 0 && <span className="hubdt-quiet">shows {optimistic.join(', ')}</span>}
              </summary>
              <div className="hubdt-payload">
                {error !== undefined && <p>{error}</p>}
                <pre>{json(variables, 2)}</pre>
              </div>
            </details>
          </li>
        ))}
      </ul>
    </Section>
  )
}

export function Conflicts({ rows }: { rows: readonly NotedConflict[] }): ReactElement {
  return (
    <Section
      title="Conflicts"
      more={rows.length}
      empty={rows.length === 0 ? 'Nobody has changed what I was changing.' : undefined}
    >
      <ul className="hubdt-list">
        {rows.toReversed().map(({ n, at, key, sides }) => (
          <li key={n}>
            <details>
              <summary>
                <time>{clockTime(at)}</time>
                <b>{key}</b>
              </summary>
              <pre className="hubdt-payload">{json(sides, 2)}</pre>
            </details>
          </li>
        ))}
      </ul>
    </Section>
  )
}

export function Joins({ rows }: { rows: readonly NotedJoin[] }): ReactElement {
  return (
    <Section
      title="Joins"
      more={rows.length}
      empty={rows.length === 0 ? 'No answer has been joined with the stream yet.' : undefined}
    >
      <ul className="hubdt-list hubdt-lines">
        {rows.toReversed().map(({ n, at, key, events, cursor }) => (
          <li key={n}>
            <time>{clockTime(at)}</time>
            <b>{key}</b>
            <span>
              {events === 0 ? 'nothing came meanwhile' : `${many(events, 'event')} came meanwhile`}
              {cursor !== undefined && `, read at ${shortCursor(cursor)}`}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  )
}

export function Gaps({ view: { gaps: rows, lostAt } }: { view: View }): ReactElement {
  // What happens while nothing comes in, nobody here can know.
  const none =
    lostAt === undefined ? 'Nothing was lost.' : 'None before; what is missed now is known when the hub is back.'
  return (
    <Section title="Gaps" more={rows.length} empty={rows.length === 0 ? none : undefined}>
      <ul className="hubdt-list hubdt-lines">
        {rows.toReversed().map(({ at, topics, reason, from, to, queries, isMade }) => (
          <li key={`${to} ${reason}`}>
            <time>{clockTime(at)}</time>
            <b>{reason}</b>
            <span>
              {topics.join(', ')} {from ? `from ${shortCursor(from)} ` : ''}to {shortCursor(to)}
              {isMade && ', made here'}
              {queries.length > 0 && `; read again: ${queries.join(' · ')}`}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  )
}

export function History({ view: { steps } }: { view: View }): ReactElement {
  return (
    <Section
      title="Steps"
      more={steps.length}
      empty={steps.length === 0 ? 'The status has not changed yet.' : undefined}
    >
      <ul className="hubdt-list hubdt-lines">
        {steps.toReversed().map(({ at, to, reason }) => (
          <li key={`${at} ${to.phase} ${reason}`}>
            <time>{clockTime(at)}</time>
            <b data-phase={to.phase}>{to.phase}</b>
            <span>{reason}</span>
          </li>
        ))}
      </ul>
    </Section>
  )
}
