// Lets asynchronous work be done one after the other.

/** The same function, whose every call waits until the one before has ended. */
export function inTurn<A extends unknown[], R>(work: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  let last: Promise<unknown> = Promise.resolve()
  return (...args) => {
    const turn = last.then(() => work(...args))
    last = turn.catch(() => {})
    return turn
  }
}
