// A process of a bench, and calls into it: the servers and the generator of load share neither a thread nor a heap.
import { fork } from 'node:child_process'
import { join } from 'node:path'

/** What a process answers: by name, each with one argument that can be copied. */
type Calls = Readonly<Record<string, (order: never) => unknown>>

/** A process, as the one that has started it sees it. */
export interface Child<C extends Calls> {
  call<Name extends keyof C & string>(name: Name, order: Parameters<C[Name]>[0]): Promise<Awaited<ReturnType<C[Name]>>>
  /** Ends it. Resolves when it is gone, with the microseconds of processor time that it has taken; 0 where it cannot say any more. */
  end(): Promise<number>
}

interface Reply {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

/** Starts a file of this folder in a process of its own, and resolves once it answers. */
export async function startChild<C extends Calls>(
  file: string,
  args: readonly string[],
  flags: readonly string[] = [],
): Promise<Child<C>> {
  const child = fork(join(import.meta.dirname, file), args, {
    // It collects its garbage before its memory is looked at.
    execArgv: ['--expose-gc', ...flags],
    env: { ...process.env, NODE_ENV: 'production' },
    // JSON would make null of NaN.
    serialization: 'advanced',
  })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  const gone = new Promise<void>((resolve) =>
    child.on('close', (code, signal) => {
      const why = new Error(`${file} ${args.join(' ')} ended before it answered (${signal ?? code}).`)
      for (const { reject } of waiting.values()) reject(why)
      waiting.clear()
      resolve()
    }),
  )
  child.on('message', ({ id, value, error }: Reply) => {
    const asked = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asked?.resolve(value)
    else asked?.reject(new Error(`${file} ${args.join(' ')}: ${error}`))
  })
  let asked = 0
  const call = (name: string, order: unknown): Promise<unknown> => {
    const reply = Promise.withResolvers<unknown>()
    const id = asked++
    waiting.set(id, reply)
    child.send({ id, name, order }, (error) => void (error && reply.reject(error)))
    return reply.promise
  }
  const end = async () => {
    const spent = await call('spent', null).catch(() => 0)
    child.kill('SIGTERM')
    await gone
    return Number(spent)
  }
  await call('ready', null)
  return { call: call as Child<C>['call'], end }
}

/** Answers the calls of the process that has started this one. */
export function answerCalls(own: Calls): void {
  const spent = () => {
    const { user, system } = process.cpuUsage()
    return user + system
  }
  const calls: Calls = { ready: () => null, spent, ...own }
  process.on('message', async ({ id, name, order }: { id: number; name: string; order: never }) => {
    const send = (reply: Omit<Reply, 'id'>) => void process.send?.({ id, ...reply })
    try {
      send({ value: await calls[name]?.(order) })
    } catch (error) {
      send({ error: String(error instanceof Error ? error.stack : error) })
    }
  })
}
