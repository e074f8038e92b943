// Hands seeds out to processes, one per core, and gathers what comes back.
import { type ChildProcess, fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import type { Summary } from './summary.ts'
import type { Order, Reply } from './worker.ts'

/** A worker that says nothing for so long turns in circles, however busy the machine is. */
const SILENCE_MS = 600_000

/** How many processes share the work, unless somebody says otherwise. */
export const defaultJobs = (): number => Math.max(1, Math.min(4, availableParallelism()))

/** What a pool works on. */
export interface PoolOptions {
  readonly bug?: string
  readonly jobs: number
  /** The next order, or undefined when there is none. */
  readonly next: () => Order | undefined
  /** Hears of each seed; answering false stops the pool. */
  readonly heard: (summary: Summary) => boolean
}

/** Works until there are no more orders. Rejects when a worker dies or turns in circles. */
export async function work({ bug, jobs, next, heard }: PoolOptions): Promise<void> {
  const children = new Set<ChildProcess>()
  let stopped = false
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const order = next()
      if (!order) return resolve()
      const child = fork(new URL('worker.ts', import.meta.url), bug === undefined ? [] : [bug], {
        execArgv: ['--disable-warning=ExperimentalWarning'],
        serialization: 'advanced',
      })
      children.add(child)
      const end = () => {
        clearTimeout(silence)
        children.delete(child)
        child.disconnect()
        resolve()
      }
      const bark = () => {
        child.kill('SIGKILL')
        reject(
          new Error(
            `A worker has been silent for ${SILENCE_MS / 1000} s after seed ${last}, during ${JSON.stringify(current)}.`,
          ),
        )
      }
      let last: number | undefined
      let current: Order | undefined = order
      let silence = setTimeout(bark, SILENCE_MS)
      child.on('message', (reply: Reply) => {
        clearTimeout(silence)
        silence = setTimeout(bark, SILENCE_MS)
        if (stopped) return
        if (reply.kind === 'broken') return reject(new Error(reply.error))
        if (reply.kind === 'seed') {
          last = reply.summary.seed
          if (heard(reply.summary)) return
          stopped = true
          for (const each of children) each.kill()
          return
        }
        current = next()
        if (current) child.send(current)
        else end()
      })
      child.on('exit', (code) => {
        clearTimeout(silence)
        if (stopped || code === 0) resolve()
        else reject(new Error(`A worker ended with code ${code} during ${JSON.stringify(current)}.`))
      })
      child.send(order)
    })
  try {
    await Promise.all(Array.from({ length: jobs }, one))
  } finally {
    for (const child of children) child.kill()
  }
}
