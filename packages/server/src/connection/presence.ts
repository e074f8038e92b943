// Who is there, topic by topic, on this node: users counted by their streams and pages, told as snapshots that are encoded once and shared.
import { type Contract, encodeBlock, HubError, kindOf, type Presence } from '@sse-hub/core/contract'
import type { Clock } from '../ports.ts'
import type { Passing } from '../publishing/vetting.ts'
import { type Frame, frameOf } from '../wire/frames.ts'

/** A stream or a page, as far as others are told of it. */
export interface Guest {
  /** Whose it is; an anonymous one is not counted. */
  readonly user: string | null
  /** The topics that it has named and been granted. */
  readonly present: readonly string[]
  /** Takes a snapshot, and answers whether there was room for it. A page hears of nobody. */
  readonly tell?: (passing: Passing) => boolean
}

/** A guest's stay. */
export interface Stay {
  /** Ends it; `atOnce`: also what is left of it. May be called twice. */
  leave(atOnce?: boolean): void
  /** Tells again what there was no room for. */
  remind(): void
}

/** Who is there. */
export interface Attendance {
  /** Lets a guest in, and tells it who is there. */
  enter(guest: Guest): Stay
  /**
   * Who is on the topic.
   * @throws HubError `invalid_topic` where the contract does not give the topic presence
   */
  of(topic: string): Presence
  /** Forgets a user who has left lately. */
  dismiss(user: string): void
  /** Forgets everybody. */
  close(): void
}

interface Room {
  /** How many streams and pages of each user are here, in the order in which the users came; 0 of one who has left lately. */
  readonly users: Map<string, number>
  /** Until when those count who have left lately: who goes first stands first. */
  readonly leaving: Map<string, number>
  /** Who hears of it, and what they have taken last. */
  readonly hearers: Map<Guest, Frame | undefined>
  /** The snapshot as it is now, once somebody is told. */
  frame: Frame | undefined
  /** When everybody was told last. */
  toldAt: number
  stopTelling: (() => void) | undefined
  stopWaiting: (() => void) | undefined
}

// A reload, a reconnect and the time between two pages are no departure.
const LEASE_MS = 5_000
// Changes are gathered for so long, and for a millisecond per hearer where that is longer: telling costs no more than a thousand frames a second, however many come and go.
const GATHER_MS = 250
const MOST_USERS = 100

/** Makes the attendance of a hub. */
export function createAttendance(contract: Contract, clock: Clock): Attendance {
  const kinds = new Set(contract.presence)
  const rooms = new Map<string, Room>()

  const snapshot = (topic: string): Presence => {
    const users: string[] = []
    const here = rooms.get(topic)?.users ?? new Map<string, number>()
    for (const user of here.keys()) {
      if (users.length === MOST_USERS) break
      users.push(user)
    }
    return { topic, users, count: here.size }
  }

  const tell = (topic: string, room: Room, guest: Guest) => {
    room.frame ??= frameOf(encodeBlock({ event: 'hub.presence', data: JSON.stringify(snapshot(topic)) }))
    const { frame } = room
    if (room.hearers.get(guest) === frame) return
    const isTaken = guest.tell?.({ frame, key: `hub.presence ${topic}` })
    room.hearers.set(guest, isTaken ? frame : undefined)
  }

  /** Whether it is the topic's room: one that was closed, or left by all, may still be held by who was in it. */
  const isOpen = (topic: string, room: Room) => rooms.get(topic) === room

  const changed = (topic: string, room: Room) => {
    room.frame = undefined
    if (room.hearers.size === 0 || !isOpen(topic, room)) return
    const gatherMs = Math.max(GATHER_MS, room.hearers.size)
    // A clock that was set back must not make it longer.
    const waitMs = Math.min(room.toldAt + gatherMs - clock.now(), gatherMs)
    room.stopTelling ??= clock.after(Math.max(0, waitMs), () => {
      room.stopTelling = undefined
      room.toldAt = clock.now()
      for (const guest of room.hearers.keys()) tell(topic, room, guest)
    })
  }

  const depart = (topic: string, room: Room, user: string) => {
    room.leaving.delete(user)
    room.users.delete(user)
    changed(topic, room)
  }

  /** Lets go, one after the other, of those who have left; and of the room after the last. */
  const tidy = (topic: string, room: Room) => {
    if (!isOpen(topic, room)) return
    room.stopWaiting?.()
    for (const [user, until] of room.leaving) {
      const leftMs = until - clock.now()
      if (leftMs > 0 && leftMs <= LEASE_MS) {
        room.stopWaiting = clock.after(leftMs, () => tidy(topic, room))
        return
      }
      depart(topic, room, user)
    }
    room.stopWaiting = undefined
    if (room.users.size > 0 || room.hearers.size > 0) return
    room.stopTelling?.()
    rooms.delete(topic)
  }

  const enterRoom = (topic: string, guest: Guest) => {
    const room = rooms.get(topic) ?? emptyRoom()
    rooms.set(topic, room)
    const { user } = guest
    if (user !== null) {
      const count = room.users.get(user)
      room.leaving.delete(user)
      room.users.set(user, (count ?? 0) + 1)
      if (count === undefined) changed(topic, room)
    }
    if (guest.tell) tell(topic, room, guest)
    return room
  }

  const leaveRoom = (topic: string, room: Room, guest: Guest, atOnce: boolean) => {
    room.hearers.delete(guest)
    const { user } = guest
    if (user !== null) {
      const count = (room.users.get(user) ?? 0) - 1
      room.users.set(user, count)
      if (count === 0 && atOnce) depart(topic, room, user)
      else if (count === 0) room.leaving.set(user, clock.now() + LEASE_MS)
    }
    tidy(topic, room)
  }

  return {
    enter(guest) {
      const topics = guest.present.filter((topic) => kinds.has(kindOf(topic)))
      const entered = new Map(topics.map((topic) => [topic, enterRoom(topic, guest)]))
      return {
        leave(atOnce = false) {
          for (const [topic, room] of entered) leaveRoom(topic, room, guest, atOnce)
          entered.clear()
        },
        remind() {
          for (const [topic, room] of entered) if (!room.hearers.get(guest)) tell(topic, room, guest)
        },
      }
    },
    of(topic) {
      if (kinds.has(kindOf(topic))) return snapshot(topic)
      throw new HubError(
        'invalid_topic',
        `The contract does not give ${JSON.stringify(topic)} presence: list its kind in the \`presence\` of defineContract.`,
      )
    },
    dismiss(user) {
      for (const [topic, room] of rooms) {
        if (!room.leaving.has(user)) continue
        depart(topic, room, user)
        tidy(topic, room)
      }
    },
    close() {
      for (const { stopTelling, stopWaiting } of rooms.values()) {
        stopTelling?.()
        stopWaiting?.()
      }
      rooms.clear()
    },
  }
}

function emptyRoom(): Room {
  return {
    users: new Map(),
    leaving: new Map(),
    hearers: new Map(),
    frame: undefined,
    toldAt: Number.NEGATIVE_INFINITY,
    stopTelling: undefined,
    stopWaiting: undefined,
  }
}
