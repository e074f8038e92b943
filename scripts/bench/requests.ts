// `pnpm bench requests`: counts what polling and the hub ask of a server for the same office in an hour of virtual time, and how old what people see is.
import { parseArgs } from 'node:util'
import { brief, type List, type Office, type Outcome, play } from './office.ts'

/** What is promised (issue 4, 3). */
const FEWER_BAR = 0.95
const OVERHEAD_BAR = 10_000

const HELP = `pnpm bench requests [options]
  --minutes N  virtual time (default 60)
  --users N    users (default 30)
  --seed N     another hour (default 1)
  --conversation N, --heartbeat N  what is polled how often, in seconds (default 15 and 20)
  --json       one JSON document instead of a table`

/** The sum of what a hub and polling came to. */
export interface Comparison {
  readonly requests: { readonly polling: Counts; readonly hub: Counts }
  /** The part of the requests that the hub saves. */
  readonly fewer: number
  readonly p95: Readonly<Record<List, { readonly polling: number; readonly hub: number }>>
  /** Per user and minute. */
  readonly bytes: { readonly polling: number; readonly hub: number; readonly stream: number; readonly overhead: number }
  /** Interval requests, and others that no mount explains, while the hub was up; all that no mount explains; and what plain polling as a fallback would have cost. */
  readonly whileUp: number
  readonly unexplained: number
  readonly avoided: number
  /** What is not as promised. */
  readonly missed: readonly string[]
}

type Counts = Readonly<Record<string, number>>

/** Runs the command. */
export async function benchRequests(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '60' },
      users: { type: 'string', default: '30' },
      seed: { type: 'string', default: '1' },
      conversation: { type: 'string', default: `${brief.polling.conversation / 1_000}` },
      heartbeat: { type: 'string', default: `${brief.polling.heartbeat / 1_000}` },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(HELP)
  const numbers = [values.minutes, values.users, values.seed, values.conversation, values.heartbeat].map(Number)
  const [minutes = 0, users = 0, seed = 0, conversation = 0, heartbeat = 0] = numbers
  if (!numbers.every((number) => Number.isSafeInteger(number) && number > 0)) {
    console.error(`Every option takes a whole number from 1.\n${HELP}`)
    process.exit(2)
  }
  const polling = { ...brief.polling, conversation: conversation * 1_000, heartbeat: heartbeat * 1_000 }
  const compared = await compare({ ...brief, users, minutes, polling }, seed)
  console.log(values.json ? JSON.stringify(compared, undefined, 2) : table(compared, users, minutes))
  if (compared.missed.length > 0) process.exitCode = 1
}

/** Plays the same hour with both. */
export async function compare(office: Office, seed: number): Promise<Comparison> {
  const { users, minutes } = office
  const polling = await play(office, 'polling', seed)
  const hub = await play(office, 'hub', seed)
  const perMinute = (bytes: number) => bytes / users / minutes
  const p95 = Object.fromEntries(
    (Object.keys(hub.staleness) as List[]).map((list) => [
      list,
      { polling: p95Of(polling, list), hub: p95Of(hub, list) },
    ]),
  ) as Comparison['p95']
  const fewer = 1 - totalOf(hub) / totalOf(polling)
  const overhead = perMinute(hub.traffic.streamBytes - hub.traffic.dataBytes)
  const missed = [
    fewer < FEWER_BAR && `fewer than ${FEWER_BAR * 100} % of the requests are saved`,
    ...Object.entries(p95).map(([list, of]) => !(of.hub <= of.polling) && `${list} are older than with polling`),
    hub.whileUp > 0 && 'there were requests while the hub was up that no mount explains',
    overhead >= OVERHEAD_BAR && `the stream's own bytes are ${OVERHEAD_BAR} a minute or more`,
    hub.unseen + polling.unseen > 0 && 'changes were never seen',
  ].filter((why) => why !== false)
  return {
    requests: { polling: Object.fromEntries(polling.traffic.requests), hub: Object.fromEntries(hub.traffic.requests) },
    fewer,
    p95,
    bytes: {
      polling: perMinute(polling.traffic.bytes),
      hub: perMinute(hub.traffic.bytes),
      stream: perMinute(hub.traffic.streamBytes),
      overhead,
    },
    whileUp: hub.whileUp,
    unexplained: hub.unexplained,
    avoided: hub.avoided,
    missed,
  }
}

const totalOf = ({ traffic }: Outcome) => [...traffic.requests.values()].reduce((sum, count) => sum + count, 0)

const p95Of = ({ staleness }: Outcome, list: List) =>
  staleness[list][Math.ceil(staleness[list].length * 0.95) - 1] ?? Number.NaN

function table({ requests, fewer, p95, bytes, ...more }: Comparison, users: number, minutes: number): string {
  const kinds = [...new Set([...Object.keys(requests.polling), ...Object.keys(requests.hub)])]
  const sum = (counts: Counts) => Object.values(counts).reduce((all, count) => all + count, 0)
  const kilobytes = (count: number) => `${(count / 1_000).toFixed(1)} kB`
  const seconds = (ms: number) => (ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(1)} s`)
  const rows = [
    [`${users} users, ${minutes} minutes`, 'polling', 'hub'],
    ['---', '---', '---'],
    ...kinds.map((kind) => [`requests: ${kind}`, `${requests.polling[kind] ?? 0}`, `${requests.hub[kind] ?? 0}`]),
    ['**requests in all**', `${sum(requests.polling)}`, `${sum(requests.hub)} (${(fewer * 100).toFixed(1)} % fewer)`],
    ...Object.entries(p95).map(([list, of]) => [`age of ${list} at p95`, seconds(of.polling), seconds(of.hub)]),
    ['bytes, per user and minute', kilobytes(bytes.polling), kilobytes(bytes.hub)],
    ['of them streams', '', kilobytes(bytes.stream)],
    ["of them not the events' data", '', kilobytes(bytes.overhead)],
    ['requests that no mount explains', '', `${more.unexplained}, ${more.whileUp} of them while the hub was up`],
    ['polls avoided, at the fallback of 10 s', '', `${more.avoided}`],
  ]
  const verdict = more.missed.length === 0 ? 'All is as promised.' : more.missed.map((why) => `✗ ${why}`).join('\n')
  return `${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n\n${verdict}`
}
