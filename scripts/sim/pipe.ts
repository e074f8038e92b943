// One direction of one connection: bytes leave late, in pieces cut anywhere, in order, and only so many are under way at a time.
import type { Chance } from './random.ts'
import type { ProcessClock } from './time.ts'

/** How a body ends for the one who reads it. */
export type Ending = 'end' | 'error'

/** What a pipe needs of the world. */
export interface PipeOptions {
  readonly clock: Pick<ProcessClock, 'now' | 'after'>
  readonly chance: Chance
  /** The delay of the next piece. */
  readonly delayMs: () => number
  /** Until when nothing moves, because the network holds everything back. */
  readonly heldUntil: () => number
  /** How many bytes may be under way before `room` makes the sender wait. */
  readonly windowBytes: number
  readonly deliver: (bytes: Uint8Array) => void
  /** Hears of its end, once; `cut` says that not all may have arrived. */
  readonly ended: (how: Ending, cut: boolean) => void
}

/** One direction of one connection. */
export interface Pipe {
  /** Sends bytes. */
  push(bytes: Uint8Array): void
  /** Sends something that is no bytes, such as the head of an answer, in its turn. */
  call(run: () => void): void
  /** Ends it, after what is under way. */
  end(how: Ending): void
  /** Cuts it now: of what is under way only a random first part still arrives. */
  cut(how: Ending): void
  /** Cuts it when so many more bytes have been sent, which all still arrive, and tells. */
  cutAfter(bytes: number, how: Ending | 'vanish', cut: () => void): void
  /** Takes a `cutAfter` back that has not come true. */
  spare(): void
  /** From now on everything vanishes, and nobody is told. */
  vanish(): void
  /** Resolves when there is room for more. After `vanish` there soon is none, for good. */
  room(): Promise<void>
}

/** Opens a pipe. */
export function openPipe({ clock, chance, delayMs, heldUntil, windowBytes, deliver, ended }: PipeOptions): Pipe {
  const queue: { at: number; readonly run: () => void; readonly size: number }[] = []
  let underWay = 0
  let lastAt = 0
  let timer: (() => void) | undefined
  let state: 'open' | 'ending' | 'gone' = 'open'
  let waiting: (() => void) | undefined
  let fuse: { left: number; readonly how: Ending | 'vanish'; readonly cut: () => void } | undefined

  const arm = () => {
    const [head] = queue
    if (!head || timer) return
    timer = clock.after(Math.max(head.at, heldUntil()) - clock.now(), () => {
      timer = undefined
      // Held back meanwhile: wait for the network to move again.
      if (heldUntil() > clock.now()) return arm()
      queue.shift()
      underWay -= head.size
      head.run()
      if (underWay < windowBytes) {
        waiting?.()
        waiting = undefined
      }
      arm()
    })
  }
  const send = (size: number, run: () => void) => {
    lastAt = Math.max(lastAt, clock.now() + delayMs())
    queue.push({ at: lastAt, run, size })
    underWay += size
    arm()
  }
  const drop = () => {
    timer?.()
    timer = undefined
    queue.length = 0
  }
  const push = (bytes: Uint8Array) => {
    if (state === 'gone') underWay += bytes.length
    if (state !== 'open') return
    let left = bytes
    while (left.length > 1 && chance.maybe(0.3)) {
      const piece = left.subarray(0, chance.between(1, left.length - 1))
      left = left.subarray(piece.length)
      send(piece.length, () => deliver(piece))
    }
    const last = left
    send(last.length, () => deliver(last))
  }
  return {
    push(bytes) {
      if (!fuse || fuse.left > bytes.length) {
        if (fuse) fuse.left -= bytes.length
        return push(bytes)
      }
      const { left, how, cut } = fuse
      fuse = undefined
      push(bytes.subarray(0, left))
      state = how === 'vanish' ? 'gone' : 'ending'
      if (how !== 'vanish') send(0, () => ended(how, true))
      cut()
    },
    cutAfter(bytes, how, cut) {
      fuse = { left: bytes, how, cut }
    },
    spare() {
      fuse = undefined
    },
    call(run) {
      if (state === 'open') send(0, run)
    },
    end(how) {
      if (state !== 'open') return
      state = 'ending'
      send(0, () => ended(how, false))
    },
    cut(how) {
      if (state === 'gone') return
      state = 'ending'
      const kept = queue.slice(0, chance.between(0, queue.length))
      drop()
      queue.push(...kept)
      send(0, () => ended(how, true))
    },
    vanish() {
      state = 'gone'
      drop()
    },
    room: () =>
      new Promise((resolve) => {
        if (underWay < windowBytes) resolve()
        else waiting = resolve
      }),
  }
}
