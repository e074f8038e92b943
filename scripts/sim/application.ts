// The server of the simulated application: it publishes through whatever hub is up, and knows that an unanswered publish may have happened.
import { encodeEvent, HubError, type Publication } from '@sse-hub/core/contract'
import type { contract } from './contract.ts'
import type { History } from './history.ts'
import type { Host } from './host.ts'
import { type ProcessClock, sleep } from './time.ts'

/** What to publish. */
export interface Burst {
  readonly topic: string
  readonly count: number
  readonly apartMs: number
  readonly letters: number
  readonly stubborn: boolean
  readonly ephemeral: boolean
}

/** The application's server. */
export interface Application {
  publish(burst: Burst): void
  /** Appends what an older or newer release could have written. */
  publishMisfit(topic: string): void
  /** Appends so many events that concern nobody, at once. */
  flood(count: number): void
  /** How many publishes still try. */
  trying(): number
}

/** Makes the application. */
export function createApplication({
  clock,
  history,
  host,
}: {
  clock: ProcessClock
  history: History
  host: Host
}): Application {
  let n = 0
  let trying = 0
  const text = (letters: number) => 'é€😀x'.repeat(letters / 4 + 1)
  const typeOf = (topic: string, ephemeral: boolean) => {
    if (ephemeral) return 'pointer.moved' as const
    if (topic.startsWith('user:')) return 'theme.changed' as const
    return topic === 'room' ? ('room.said' as const) : ('card.moved' as const)
  }

  async function one({ topic, letters, stubborn, ephemeral }: Burst): Promise<void> {
    const id = `p${++n}`
    const event = { type: typeOf(topic, ephemeral), topic, data: { n, text: text(letters) }, id }
    history.record({ what: 'publish', id, topic, durable: !ephemeral })
    trying++
    for (;;) {
      try {
        // The plan draws type and topic together, which types cannot see.
        const { cursor } = await host.call((hub) => hub.publish(event as unknown as Publication<typeof contract>))
        history.record({ what: 'published', id, ...(cursor === undefined ? {} : { cursor }) })
        break
      } catch (error) {
        const code = error instanceof HubError ? error.code : String(error)
        history.record({ what: 'not published', id, error: code })
        if (!stubborn) break
        await sleep(clock, 400)
      }
    }
    trying--
  }

  return {
    trying: () => trying,
    publish(burst) {
      for (let i = 0; i < burst.count; i++) clock.after(i * burst.apartMs, () => void one(burst))
    },
    publishMisfit(topic) {
      const id = `p${++n}`
      const at = clock.now()
      const json = encodeEvent({ data: { n: -1, text: '' }, topic, at, id })
      void host.appendRaw({ type: typeOf(topic, false), topic, id, at, json })
    },
    flood(count) {
      const topic = 'user:nobody'
      const at = clock.now()
      const events = Array.from({ length: count }, () => {
        const id = `p${++n}`
        return {
          type: typeOf(topic, false),
          topic,
          id,
          at,
          json: encodeEvent({ data: { n, text: '' }, topic, at, id }),
        }
      })
      void host.appendRaw(...events)
    },
  }
}
