// Runs in each tab: as many sources as a test asks for, by the same code for the native class and for ours, as a drop-in must allow.
import { HubEventSource } from '@sse-hub/core/eventsource'

/** What the test calls. What comes back is JSON. */
export interface SourcesPage {
  /** Opens so many sources, all of this class. */
  open(kind: 'native' | 'ours', count: number): void
  /** Their `readyState`s. */
  states(): string
  /** What each has heard: `type`, `data` and `lastEventId` of each event, in order. */
  heard(): string
}

const sources: EventSource[] = []
const heard: (readonly string[])[][] = []

const page: SourcesPage = {
  open(kind, count) {
    const Class: typeof EventSource = kind === 'native' ? EventSource : HubEventSource
    for (let n = 0; n < count; n++) {
      const source = new Class('/api/sse/events?topics=board:7,board:8')
      const mine: (typeof heard)[number] = []
      source.addEventListener('card.moved', ({ type, data, lastEventId }) => mine.push([type, data, lastEventId]))
      sources.push(source)
      heard.push(mine)
    }
  },
  states: () => JSON.stringify(sources.map(({ readyState }) => readyState)),
  heard: () => JSON.stringify(heard),
}

Object.assign(globalThis, { page })
