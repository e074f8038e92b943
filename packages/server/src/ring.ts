// A list that grows at its end and shrinks at its start: nothing is moved, and nothing is left behind for a garbage collector to find.

/** The elements in order; the oldest has the index 0. */
export class Ring<T> {
  // As long as a power of two; the oldest stands at `#first`.
  #slots: (T | undefined)[] = new Array(LEAST)
  #first = 0
  #length = 0

  /** How many there are. */
  get length(): number {
    return this.#length
  }

  /** The one with this index; undefined where there is none. */
  at(index: number): T | undefined {
    return index >= 0 && index < this.#length
      ? this.#slots[(this.#first + index) & (this.#slots.length - 1)]
      : undefined
  }

  /** Adds one at the end. */
  push(element: T) {
    if (this.#length === this.#slots.length) this.#grow()
    this.#slots[(this.#first + this.#length) & (this.#slots.length - 1)] = element
    this.#length++
  }

  /** Takes the oldest away. */
  shift() {
    if (this.#length === 0) return
    this.#slots[this.#first] = undefined
    this.#first = (this.#first + 1) & (this.#slots.length - 1)
    this.#length--
  }

  /** Takes all away. */
  clear() {
    this.#slots = new Array(LEAST)
    this.#first = 0
    this.#length = 0
  }

  #grow() {
    const [before, first] = [this.#slots, this.#first]
    this.#slots = [...before.slice(first), ...before.slice(0, first), ...new Array(before.length)]
    this.#first = 0
  }
}

const LEAST = 64
