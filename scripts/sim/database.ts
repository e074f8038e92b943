// The state of the simulated application: which events have happened to each topic. State and event commit together, as DESIGN §3.9 asks.

/** The application's database. It outlives the hub and its log. */
export interface Database {
  /** An event was kept: the state has it from this moment on. */
  commit(topic: string, id: string): void
  /** The state of a topic, as a REST answer would give it now. */
  read(topic: string): ReadonlySet<string>
}

/** Makes an empty database. */
export function createDatabase(): Database {
  const topics = new Map<string, Set<string>>()
  return {
    commit(topic, id) {
      const ids = topics.get(topic) ?? new Set()
      topics.set(topic, ids.add(id))
    },
    read: (topic) => new Set(topics.get(topic)),
  }
}
