// Takes real time, chance and network away from the code under simulation, so that whatever still reaches for them is caught in the act.

const leaks: string[] = []

/** The real turn of the event loop, kept before it is taken away. */
const realImmediate = setImmediate

/** Lets every promise that can go on go on. Microtasks of any number run before the next turn of the loop. */
export const quiet = (): Promise<void> => new Promise((resolve) => void realImmediate(resolve))

/** What reached for the real world since the last call, each with its place in the code. */
export const takeLeaks = (): string[] => leaks.splice(0)

function forbid(owner: object, name: string): void {
  const forbidden = () => {
    const where = (new Error().stack ?? '')
      .split('\n')
      .slice(2, 5)
      .join(' ← ')
      .replaceAll(/\s+at /g, ' ')
    leaks.push(`${name}${where}`)
    throw new Error(`The simulated world has no real ${name}: take it through a port.`)
  }
  Object.defineProperty(owner, name, { value: forbidden, configurable: true, writable: true })
}

/** Forbids them from now on, in this process. What a program needs of them itself it must keep before. */
export function forbidTheRealWorld(): void {
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'fetch']) forbid(globalThis, name)
  forbid(Math, 'random')
  forbid(performance, 'now')
  for (const name of ['randomUUID', 'getRandomValues']) forbid(crypto, name)
  const RealDate = Date
  const VirtualDate = new Proxy(RealDate, {
    construct: (target, args: unknown[]) => {
      if (args.length === 0) VirtualDate.now()
      return Reflect.construct(target, args) as Date
    },
  })
  globalThis.Date = VirtualDate
  forbid(RealDate, 'now')
}
