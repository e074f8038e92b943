// How many tabs share the stream: whoever leads holds a lock, and the others wait for it, which the browser tells anybody who asks.
import type { Inspection } from './inspect.ts'

/** How many tabs there are; undefined where the browser does not tell, or tabs do not share. */
export async function countTabs({ url, identity }: Pick<Inspection, 'url' | 'identity'>): Promise<number | undefined> {
  const isOurs = ({ name = '' }: LockInfo) => /^sse-hub \d+ /.test(name) && name.endsWith(` ${url} ${identity}`)
  const { held = [], pending = [] } = await locks()
  return held.some(isOurs) ? held.filter(isOurs).length + pending.filter(isOurs).length : undefined
}

async function locks(): Promise<LockManagerSnapshot> {
  try {
    return await navigator.locks.query()
  } catch {
    // There are none, or not for this page.
    return {}
  }
}
