// What benches of the hub print: tables of what was measured, and each bar with whether it is kept.
import { machine, machineLine } from '../machine.ts'
import { medianOf } from '../measure.ts'
import { othersBusy, QUIET } from './others.ts'

/** A bar, and what was measured beside it. */
export interface Bar {
  readonly what: string
  readonly measured: string
  readonly bar: string
  /** Undefined where it could not be measured. */
  readonly holds: boolean | undefined
}

/** A table: its head, and its rows. */
export interface Table {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Prints what a bench has found, as tables or as one JSON document, and has the process end with 1 where a bar is missed. */
export function print(
  { json }: { readonly json: boolean },
  found: {
    readonly name: string
    readonly tables: readonly Table[]
    readonly bars: readonly Bar[]
    readonly data: object
  },
): void {
  const { name, tables, bars, data } = found
  const others = othersBusy()
  if (json) console.log(JSON.stringify({ bench: name, machine, othersBusy: others, ...data, bars }, undefined, 2))
  else {
    const verdicts = {
      head: ['', 'measured', 'bar', ''],
      rows: bars.map(({ what, measured, bar, holds }) => [
        what,
        measured,
        bar,
        holds === undefined ? '–' : holds ? '✓' : '✗',
      ]),
    }
    const used = [...tables, verdicts].filter(({ rows }) => rows.length > 0)
    const noise = `Something else took ${digits(others)} of a core meanwhile: these figures are not to be used.`
    console.log([machineLine(), ...(others > QUIET ? [noise] : []), ...used.map(render)].join('\n\n'))
  }
  if (bars.some(({ holds }) => holds === false)) process.exitCode = 1
}

const render = ({ head, rows }: Table): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** The middle of the ratios that each run says, since both have met the same machine there. */
export const ratio = (one: readonly number[] | undefined, other: readonly number[] | undefined): number =>
  medianOf(
    (one ?? []).map((value, run) => value / (other?.[run] ?? Number.NaN)).filter((value) => Number.isFinite(value)),
  )

/** A bar on a number: at most, or at least. */
export function bar(what: string, value: number, kind: '≤' | '≥' | '<', limit: number, unit = ''): Bar {
  const holds = kind === '≥' ? value >= limit : kind === '<' ? value < limit : value <= limit
  return {
    what,
    measured: Number.isNaN(value) ? 'not measured' : `${digits(value)}${unit}`,
    bar: `${kind} ${limit}${unit}`,
    holds: Number.isNaN(value) ? undefined : holds,
  }
}

/** Three digits, or all before the point. */
export const digits = (value: number): string =>
  Number.isNaN(value) ? '–' : value >= 100 ? value.toFixed(0) : value.toPrecision(3)

/** Thousands. */
export const thousands = (value: number): string => (Number.isNaN(value) ? '–' : `${(value / 1_000).toFixed(0)} k`)

/** Says what is going on, to whoever waits. */
export function progress(text: string): void {
  console.error(text)
}
