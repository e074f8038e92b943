// The options that all benches of the hub have in common.
import { parseArgs } from 'node:util'
import { nchanIsMissing } from './peers/nchan.ts'
import { peers as all, kindOf, type PeerName } from './peers.ts'

/** What a person may say. */
export interface Options {
  readonly runs: number
  readonly seconds: number
  readonly connections: number
  readonly peers: readonly PeerName[]
  readonly only: string
  readonly json: boolean
  /** For Node, where it runs a server: what leaves a CPU profile of it, if that was asked for. */
  readonly flags: readonly string[]
}

const RUNS = 5

/** What a bench does where nobody says anything. */
export interface Defaults {
  readonly name: string
  readonly seconds: number
  readonly connections: number
  readonly peers: readonly PeerName[]
  /** Default 5. */
  readonly runs?: number
  /** The parts of it that can be chosen. */
  readonly parts?: readonly string[]
}

const helpOf = ({ name, seconds, connections, peers, runs = RUNS, parts }: Defaults) => `pnpm bench ${name} [options]
  --runs N         runs, interleaved between peers; the table shows medians (default ${runs})
  --seconds N      how long each load counts (default ${seconds})
  --minutes N      the same in minutes
  --connections N  (default ${connections})
  --peers A,B      of those that are measured by default:${peers.map((peer) => `\n      ${peer}: ${kindOf(peer).what}`).join('')}${parts ? `\n  --only PART      of: ${parts.join(', ')}` : ''}
  --profile DIR    leaves a .cpuprofile of every server in DIR; its figures are not to be used
  --json           one JSON document instead of tables`

/** Reads them. Undefined where help was asked for, which is given. */
export function readOptions(args: readonly string[], defaults: Defaults): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: String(defaults.runs ?? RUNS) },
      seconds: { type: 'string', default: String(defaults.seconds) },
      minutes: { type: 'string' },
      connections: { type: 'string', default: String(defaults.connections) },
      peers: { type: 'string', default: defaults.peers.join(',') },
      only: { type: 'string', default: '' },
      profile: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(helpOf(defaults))
    return undefined
  }
  const number = (name: 'runs' | 'seconds' | 'minutes' | 'connections') => {
    const value = Number(values[name])
    if (value > 0 && (name === 'seconds' || name === 'minutes' || Number.isInteger(value))) return value
    throw wrong(`--${name} takes a number above 0, not "${values[name]}".`)
  }
  const chosen = values.peers.split(',').map((name) => {
    if (Object.hasOwn(all, name)) return name as PeerName
    throw wrong(`No peer is called "${name}". There are: ${Object.keys(all).join(', ')}.`)
  })
  if (values.only !== '' && !defaults.parts?.includes(values.only))
    throw wrong(`--only takes one of: ${defaults.parts?.join(', ') ?? 'nothing here'}.`)
  const { only, json, profile } = values
  return {
    ...{ runs: number('runs'), connections: number('connections') },
    seconds: values.minutes === undefined ? number('seconds') : number('minutes') * 60,
    peers: present(chosen),
    ...{ only, json },
    flags: profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile],
  }
}

/** Those that can be measured on this machine; of the others it says why not. */
function present(chosen: readonly PeerName[]): PeerName[] {
  const why = chosen.includes('nchan') ? nchanIsMissing() : undefined
  if (why) console.error(`Without nchan: ${why}`)
  return chosen.filter((name) => name !== 'nchan' || !why)
}

function wrong(message: string): Error {
  console.error(message)
  process.exit(2)
}
