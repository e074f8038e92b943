// createInspectedClient: a client that can be looked into. What comes in is told to whoever looks, and faults can be made.
import {
  type ClientOptions,
  type Contract,
  createHubClient,
  type Frame,
  fallbackSource,
  type HubClient,
  type Source,
  sharedSource,
} from '@sse-hub/core'
import { createFaults, type Faults } from './faults.ts'

/** What can be seen of a client that its own face does not show. */
export interface Inspection {
  readonly url: string
  readonly identity: string
  readonly faults: Faults
  /** Hears every frame, until the answer is called. */
  hear(listener: (frame: Frame) => void): () => void
}

const inspections = new WeakMap<object, Inspection>()

/** What can be seen of a client, if it was made to be looked into. */
export const inspectionOf = (client: object): Inspection | undefined => inspections.get(client)

/** Makes a client as `createHubClient` does, and one that can be looked into. */
export function createInspectedClient<C extends Contract>(options: ClientOptions<C>): HubClient<C> {
  const listeners = new Set<(frame: Frame) => void>()
  const faults = createFaults(options.fetch ?? ((url, init) => fetch(url, init)))
  const client = createHubClient<C>({
    ...options,
    fetch: faults.fetch,
    source: overheard(sourceOf(options), (frame) => {
      for (const listener of listeners) listener(frame)
    }),
  })
  const { url, identity = '' } = options
  inspections.set(client, {
    url: url.replace(/\/+$/, ''),
    identity,
    faults,
    hear(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  })
  return client
}

/** The source that `createHubClient` would take. */
function sourceOf<C extends Contract>(options: ClientOptions<C>): Source {
  const { source, share, random } = options
  const hub = fallbackSource(random && { random })
  return source ?? (share === false ? hub : sharedSource({ ...options, hub }))
}

/** The same source, whose frames are told before the client takes them. */
function overheard(source: Source, hear: (frame: Frame) => void): Source {
  return {
    get via() {
      return source.via
    },
    open: (question) =>
      source.open({
        ...question,
        take(frames) {
          if (!question.signal.aborted) frames.forEach(hear)
          question.take(frames)
        },
      }),
    ...(source.learn && { learn: source.learn }),
  }
}
