// Which ephemeral events give way where a reader has no room: those of low priority that wait for it, the oldest first.

/** One that waits, and who came before and after it. */
interface Waiting {
  readonly name: string | number
  readonly bytes: number
  older: Waiting | undefined
  newer: Waiting | undefined
}

/**
 * The names of those that wait, in the order in which they came. A linked list, since any may leave: the first of a Map is found by
 * passing over all that were deleted before it.
 */
export class LowPriority {
  readonly #waiting = new Map<string | number, Waiting>()
  #oldest: Waiting | undefined
  #newest: Waiting | undefined
  #bytes = 0

  /** How much room they take. */
  get bytes(): number {
    return this.#bytes
  }

  /** Which came first. */
  get oldest(): string | number | undefined {
    return this.#oldest?.name
  }

  /** Adds one, whose name none of them has. */
  add(name: string | number, bytes: number) {
    const one: Waiting = { name, bytes, older: this.#newest, newer: undefined }
    if (this.#newest) this.#newest.newer = one
    else this.#oldest = one
    this.#newest = one
    this.#waiting.set(name, one)
    this.#bytes += bytes
  }

  /** Takes one out, if it is there. */
  delete(name: string | number) {
    const one = this.#waiting.get(name)
    if (!one) return
    if (one.older) one.older.newer = one.newer
    else this.#oldest = one.newer
    if (one.newer) one.newer.older = one.older
    else this.#newest = one.older
    this.#waiting.delete(name)
    this.#bytes -= one.bytes
  }
}
