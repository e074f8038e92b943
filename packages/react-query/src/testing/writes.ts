// Mutations of the world's cards over a REST API whose requests and answers take their time, fail, or are lost.
import { type Card, hubMutationOptions, type World } from './world.ts'

/** How the API behaves, from the next request on. */
export interface Behaviour {
  /** How long the request is on its way, and then the answer. */
  sendMs: number
  answerMs: number
  /** `refused`: nothing is done; `lost`: it is done, and the answer does not come. */
  fails?: 'refused' | 'lost' | undefined
  /** Whether events bear the id of the mutation. */
  tags: boolean
}

/** The mutations of one world. */
export interface Writes {
  api: Behaviour
  /** The ids that requests carried. */
  readonly sent: string[]
  /** Makes a card, under a temporary id until the server has named it. */
  readonly create: ReturnType<typeof createOf>
  readonly save: ReturnType<typeof saveOf>
  readonly title: ReturnType<typeof titleOf>
  /** Changes a part. */
  readonly colour: ReturnType<typeof colourOf>
  readonly remove: ReturnType<typeof removeOf>
  /** As `create`, where the answer says nothing. */
  readonly mute: ReturnType<typeof createOf>
}

interface Edit {
  board: string
  id: string
  title: string
}
type Send = <T>(id: string, act: (eventId: string | undefined) => T) => Promise<T>
const topicOf = ({ board }: { board: string }) => `board:${board}` as const

const createOf = (world: World, send: Send, says: boolean) => {
  let made = 0
  // The server knows what it has done for an id, so that a request may be repeated.
  const done = new Map<string, Card>()
  return hubMutationOptions({
    mutationKey: [says ? 'create' : 'mute'],
    mutationFn: ({ board, title }: Omit<Edit, 'id'>, { id }) =>
      send(id, (eventId) => {
        const card = done.get(id) ?? world.save(topicOf({ board }), `${says ? 'n' : 'm'}${made++}`, title, eventId)
        done.set(id, card)
        return card
      }),
    optimistic: ({ board, title }, { id }) => ({
      type: 'card.saved',
      topic: topicOf({ board }),
      data: { id, title, version: 0 },
    }),
    response: (data, variables) => (says ? { type: 'card.saved', topic: topicOf(variables), data } : undefined),
  })
}
const saveOf = (world: World, send: Send) =>
  hubMutationOptions({
    mutationKey: ['save'],
    mutationFn: (edit: Edit, { id }) =>
      send(id, (eventId) => {
        if (!world.state(topicOf(edit)).some((each) => each.id === edit.id)) throw new Error('There is no such card')
        return world.save(topicOf(edit), edit.id, edit.title, eventId)
      }),
    optimistic: ({ board, ...card }) => ({
      type: 'card.saved',
      topic: topicOf({ board }),
      data: { ...card, version: 1 },
    }),
    response: (data, edit) => ({ type: 'card.saved', topic: topicOf(edit), data }),
  })
const titleOf = (world: World, send: Send) =>
  hubMutationOptions({
    mutationKey: ['title'],
    mutationFn: (edit: Edit, { id }) =>
      send(id, (eventId) => {
        if (!world.state(topicOf(edit)).some((each) => each.id === edit.id)) throw new Error('There is no such card')
        return world.save(topicOf(edit), edit.id, edit.title, eventId)
      }),
    optimistic: ({ board, ...card }) => ({
      type: 'card.titled',
      topic: topicOf({ board }),
      data: { ...card, version: 1 },
    }),
  })
const colourOf = (world: World, send: Send) =>
  hubMutationOptions({
    mutationKey: ['colour'],
    mutationFn: (edit: { board: string; id: string; colour: string }, { id }) =>
      send(id, (eventId) => world.colour(topicOf(edit), edit.id, edit.colour, eventId)),
    optimistic: ({ board, ...card }) => ({
      type: 'card.coloured',
      topic: topicOf({ board }),
      data: { ...card, version: 1 },
    }),
  })
const removeOf = (world: World, send: Send) =>
  hubMutationOptions({
    mutationKey: ['remove'],
    mutationFn: (card: { board: string; id: string }, { id }) =>
      send(id, (eventId) => world.delete(topicOf(card), card.id, eventId)),
    optimistic: (card) => ({ type: 'card.deleted', topic: topicOf(card), data: { id: card.id } }),
    response: (_, card) => ({ type: 'card.deleted', topic: topicOf(card), data: { id: card.id } }),
  })

/** Makes the mutations of a world. */
export function createWrites(world: World): Writes {
  const wait = (ms: number) => new Promise<void>((resolve) => void world.clock.after(ms, resolve))
  const send: Send = async (id, act) => {
    const { sendMs, answerMs, fails, tags } = writes.api
    writes.sent.push(id)
    await wait(sendMs)
    const done = fails === 'refused' ? undefined : act(tags ? id : undefined)
    await wait(answerMs)
    if (fails) throw new Error(`The request was ${fails}`)
    return done as ReturnType<typeof act>
  }
  const writes: Writes = {
    api: { sendMs: 50, answerMs: 50, tags: true },
    sent: [],
    create: createOf(world, send, true),
    mute: createOf(world, send, false),
    save: saveOf(world, send),
    title: titleOf(world, send),
    colour: colourOf(world, send),
    remove: removeOf(world, send),
  }
  return writes
}
