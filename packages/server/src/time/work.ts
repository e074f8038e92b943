// What is under way: a log must not be closed under it.
import { HubError } from '@sse-hub/core/contract'

/** What is under way. */
export interface Work {
  /** Something begins. Throws a HubError `closed` once it is closed. */
  begin(): void
  /** It has ended, however. */
  end(): void
  /** The same around what is awaited. */
  during<T>(start: () => Promise<T>): Promise<T>
  /** Lets nothing begin any more. Resolves when all has ended. */
  close(): Promise<void>
}

/** Makes it: nothing is under way yet. */
export function createWork(): Work {
  let count = 0
  let isClosed = false
  let rested = () => {}

  const work: Work = {
    begin() {
      if (isClosed) throw new HubError('closed', 'The hub is closed.')
      count++
    },
    end() {
      count--
      if (count === 0) rested()
    },
    async during(start) {
      work.begin()
      try {
        return await start()
      } finally {
        work.end()
      }
    },
    close() {
      isClosed = true
      return new Promise((resolve) => {
        rested = resolve
        if (count === 0) resolve()
      })
    },
  }
  return work
}
