// What actions can reach of the world, apart from world.ts, which needs the actions themselves.
import type { Application } from './application.ts'
import type { History } from './history.ts'
import type { Host } from './host.ts'
import type { Lists } from './lists.ts'
import type { Page } from './page.ts'
import type { Storage } from './storage.ts'
import type { ProcessClock } from './time.ts'

/** What actions can reach. */
export interface World {
  readonly clock: ProcessClock
  readonly history: History
  readonly host: Host
  readonly application: Application
  readonly lists: Lists
  /** The page that is loaded now in each place of the configuration. */
  readonly pages: readonly Page[]
  /** Ends the page in that place, gently or by a crash, and loads it anew. */
  reload(place: number, gently: boolean): void
  /** Loads the page in that place if there is none. */
  open(place: number): void
  /** Where the browser of that place keeps emits. */
  storage(place: number): Storage | undefined
  /** Tells the history that a fault struck, or ended. */
  fault(fault: string, page?: number): void
}
