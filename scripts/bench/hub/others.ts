// Notes how much else the machine had to do while something was measured, so that figures of a busy one are not believed.
import { cpus } from 'node:os'
import { medianOf } from '../measure.ts'
import { monotonicMs } from './clock.ts'

/** Above this share of a core, figures are not to be used. */
export const QUIET = 0.1

const noted: number[] = []

/** Begins to look. The answer, given the microseconds of processor time that the measured processes took, notes what others took. */
export function watchOthers(): (ownMicros: number) => void {
  const begun = { machine: machineMicros(), here: hereMicros(), at: monotonicMs() }
  return (ownMicros) => {
    const all = machineMicros() - begun.machine
    const own = ownMicros + hereMicros() - begun.here
    noted.push(Math.max(0, all - own) / ((monotonicMs() - begun.at) * 1_000))
  }
}

/** The share of a core that others took, in the middle of all that was measured; NaN before anything was. */
export const othersBusy = (): number => medianOf(noted)

function hereMicros(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

const machineMicros = () =>
  cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0) * 1_000
