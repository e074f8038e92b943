// Proves that emits go out in order, once, and that each of them learns what became of it. The server behaves by the letter of docs/PROTOCOL.md §5.
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import type { HubClient } from '../client.ts'
import type { Contract } from '../contract/contract.ts'
import { defineContract } from '../contract/define.ts'
import type { EmitResult } from '../contract/wire.ts'
import { hubMemory, type Posted } from '../fixtures/outbox-world.ts'
import {
  type Answer,
  clientOf,
  openStream,
  pass,
  scriptedServer,
  syncBlock,
  until,
} from '../fixtures/scripted-server.ts'
import type { EmitStorage } from '../ports.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import type { EmitOutcome } from './queue.ts'

/** A schema whose validator throws. */
const throwing: StandardSchemaV1<number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate() {
      throw new Error('cursed')
    },
  },
}

const respond =
  (results: readonly EmitResult[]): Answer =>
  (response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ user: 'u1', results }))
const refuse =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(status, headers).end()
const posted = ({ body }: { readonly body: string }): Posted => JSON.parse(body)

/** An emit by number; its id is its number. */
function emit(client: HubClient<Contract>, n: number, more: object = {}): Promise<EmitOutcome> {
  const { id, accepted } = client.emit({ type: 'moved', data: n, id: `n${n}`, ...more } as never)
  expect(id).toBe(`n${n}`)
  return accepted
}

const codes = (outcomes: readonly EmitOutcome[]) => outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.error.code))

// Far beyond every wait, so that a timer that is due before it is a wait.
const TIMEOUT_MS = 1_000_000

async function outboxOf(answer: (hub: ReturnType<typeof hubMemory>) => Answer, options = {}) {
  const clock = virtualClock()
  const hub = hubMemory()
  const server = await scriptedServer(clock, answer(hub))
  const { client, reports } = clientOf(clock, server.url, { connectTimeoutMs: TIMEOUT_MS, ...options })
  const isWaiting = () => (clock.nextAt() ?? TIMEOUT_MS) < TIMEOUT_MS
  /** Lets time pass until all of these are settled. */
  const settle = async (emits: readonly Promise<EmitOutcome>[]) => {
    let done = false
    const all = Promise.all(emits).finally(() => {
      done = true
    })
    while (!done) {
      await until(() => done || isWaiting())
      if (!done) clock.runNext()
    }
    return all
  }
  return { clock, hub, server, client, reports, settle, isWaiting }
}

const works =
  (hub: ReturnType<typeof hubMemory>): Answer =>
  (response, arrival, n) =>
    respond(hub.take(posted(arrival)))(response, arrival, n)

describe('in order, and once', () => {
  test('emits of one moment are one batch, and those that come meanwhile are the next', async () => {
    const { client, server, hub } = await outboxOf(works)
    const first = [1, 2, 3].map((n) => emit(client, n))
    await until(() => server.arrivals.length === 1)
    const second = [4, 5].map((n) => emit(client, n, { topic: 'board:7' }))
    expect(await Promise.all([...first, ...second])).toEqual(
      [1, 2, 3, 4, 5].map((n) => ({ ok: true, id: `n${n}`, cursor: `e:${n}` })),
    )
    expect(hub.accepted).toEqual([1, 2, 3, 4, 5])
    const [one, two] = server.arrivals.map(posted)
    expect(one).toEqual({
      producer: expect.stringMatching(/^[\w-]{8,64}$/),
      events: [1, 2, 3].map((n) => ({ seq: n, id: `n${n}`, type: 'moved', data: n })),
    })
    expect(two?.producer).toBe(one?.producer)
    expect(two?.events.map(({ seq, topic }) => [seq, topic])).toEqual([
      [4, 'board:7'],
      [5, 'board:7'],
    ])
    expect(server.arrivals[0]).toMatchObject({ method: 'POST', url: '/api/sse/events' })
    expect(server.arrivals[0]?.headers['content-type']).toBe('application/json')
  })

  test('an answer that is lost: the same is sent again, and is not accepted twice', async () => {
    const { client, server, hub, settle } = await outboxOf((hub) => (response, arrival, n) => {
      const results = hub.take(posted(arrival))
      if (n < 2) response.destroy()
      else respond(results)(response, arrival, n)
    })
    const outcomes = await settle([1, 2, 3].map((n) => emit(client, n)))
    expect(codes(outcomes)).toEqual(['ok', 'ok', 'ok'])
    expect(hub.accepted).toEqual([1, 2, 3])
    expect(server.arrivals.map(({ atMs }) => atMs)).toEqual([0, 500, 1_500])
  })

  test('no answer at all: given up after the time-out, and sent again', async () => {
    const { client, server, clock, hub } = await outboxOf(
      (hub) => (response, arrival, n) => {
        if (n > 0) works(hub)(response, arrival, n)
      },
      { connectTimeoutMs: 10_000 },
    )
    const outcome = emit(client, 1)
    await until(() => server.arrivals.length === 1)
    await clock.advance(10_500)
    expect(await outcome).toMatchObject({ ok: true })
    expect(hub.accepted).toEqual([1])
    expect(server.arrivals.map(({ atMs }) => atMs)).toEqual([0, 10_500])
  })

  test('a retryable error ends the prefix; the rest follows later, in order', async () => {
    const { client, server, hub, settle } = await outboxOf((hub) => (response, arrival, n) => {
      const results = hub.take({ ...posted(arrival), events: posted(arrival).events.slice(0, n === 0 ? 1 : 9) })
      const error = { code: 'internal', message: 'later', retryable: true }
      respond(n === 0 ? [...results, { id: 'n2', error }] : results)(response, arrival, n)
    })
    expect(codes(await settle([1, 2, 3].map((n) => emit(client, n))))).toEqual(['ok', 'ok', 'ok'])
    expect(hub.accepted).toEqual([1, 2, 3])
    expect(server.arrivals.map(posted).map(({ events }) => events.map(({ seq }) => seq))).toEqual([
      [1, 2, 3],
      [2, 3],
    ])
  })

  test('an error for good settles its emit and no other', async () => {
    const { client, server } = await outboxOf(() => (response, arrival, n) => {
      const error = { code: 'invalid_data', message: 'no', retryable: false, issues: [{ message: 'not a number' }] }
      respond(posted(arrival).events.map(({ id }) => (id === 'n2' ? { id, error } : { id })))(response, arrival, n)
    })
    const outcomes = await Promise.all([1, 2, 3].map((n) => emit(client, n)))
    expect(codes(outcomes)).toEqual(['ok', 'invalid_data', 'ok'])
    expect(outcomes[1]).toMatchObject({ error: { message: 'no', details: { issues: [{ message: 'not a number' }] } } })
    expect(server.arrivals).toHaveLength(1)
  })

  test('429: nothing is sent before Retry-After', async () => {
    const { client, server, settle } = await outboxOf(
      (hub) => (response, arrival, n) =>
        (n === 0 ? refuse(429, { 'retry-after': '7' }) : works(hub))(response, arrival, n),
    )
    expect(codes(await settle([emit(client, 1)]))).toEqual(['ok'])
    expect(server.arrivals.map(({ atMs }) => atMs)).toEqual([0, 7_500])
  })

  test('large batches are divided', async () => {
    const { client, server, hub } = await outboxOf(works)
    const long = Array.from({ length: 3 }, (_, n) =>
      client.emit({ type: 'moved', data: 'x'.repeat(25_000 + n) } as never),
    )
    const many = Array.from({ length: 150 }, (_, n) => emit(client, n))
    await Promise.all([...long.map(({ accepted }) => accepted), ...many])
    expect(server.arrivals.map((arrival) => posted(arrival).events.length)).toEqual([2, 100, 51])
    expect(hub.accepted.slice(3)).toEqual(Array.from({ length: 150 }, (_, n) => n))
  })
})

describe('what the hub has forgotten', () => {
  test('what was sent and unanswered is uncertain; what was never sent goes out under a new producer', async () => {
    const { client, server, hub, settle } = await outboxOf((hub) => (response, arrival, n) => {
      const body = posted(arrival)
      if (n === 0) return works(hub)(response, arrival, n)
      if (n === 1) return response.destroy()
      if (n === 2) hub.producers.clear()
      return respond(hub.take(body))(response, arrival, n)
    })
    await settle([emit(client, 1)])
    const sent = [2, 3].map((n) => emit(client, n))
    await until(() => server.arrivals.length === 2)
    const unsent = [4, 5].map((n) => emit(client, n))
    expect(codes(await settle([...sent, ...unsent]))).toEqual(['uncertain', 'uncertain', 'ok', 'ok'])
    expect(hub.accepted).toEqual([1, 4, 5])
    const bodies = server.arrivals.map(posted)
    expect(bodies.at(-1)?.producer).not.toBe(bodies[0]?.producer)
    expect(bodies.at(-1)?.events.map(({ seq }) => seq)).toEqual([1, 2])
  })

  test('what was answered `out_of_order` was not accepted, and is sent again', async () => {
    const { client, hub, settle, server } = await outboxOf((hub) => (response, arrival, n) => {
      if (n === 1) hub.producers.clear()
      works(hub)(response, arrival, n)
    })
    await settle([emit(client, 1)])
    expect(codes(await settle([emit(client, 2)]))).toEqual(['ok'])
    expect(hub.accepted).toEqual([1, 2])
    expect(server.arrivals).toHaveLength(3)
  })

  test('a hub that refuses even a first one is not hammered', async () => {
    const { client, server, clock, isWaiting } = await outboxOf(() => (response, arrival, n) => {
      const error = { code: 'out_of_order', message: 'no', retryable: true, expected: 9 }
      respond(posted(arrival).events.map(({ id }) => ({ id, error })))(response, arrival, n)
    })
    void emit(client, 1)
    await pass(clock, 10_000, isWaiting)
    expect(server.arrivals.map(({ atMs }) => atMs)).toEqual([0, 500, 1_500, 3_500, 7_500])
  })
})

describe('refused as a whole', () => {
  test.each([
    [401, 'unauthorized'],
    [403, 'forbidden'],
    [409, 'http'],
    [413, 'http'],
    [415, 'http'],
    [400, 'http'],
  ])('%i: settled as %s, and what follows goes out under a new producer', async (status, code) => {
    const { client, server, hub } = await outboxOf(
      (hub) => (response, arrival, n) => (n === 0 ? refuse(status) : works(hub))(response, arrival, n),
    )
    expect(codes([await emit(client, 1)])).toEqual([code])
    expect(codes([await emit(client, 2)])).toEqual(['ok'])
    expect(hub.accepted).toEqual([2])
    const [one, two] = server.arrivals.map(posted)
    expect(two?.producer).not.toBe(one?.producer)
    expect(two?.events[0]?.seq).toBe(1)
  })

  test('one that the hub cannot read does not take the others with it', async () => {
    const { client, server, hub } = await outboxOf(
      (hub) => (response, arrival, n) =>
        (posted(arrival).events.some(({ id }) => id === 'n2') ? refuse(400) : works(hub))(response, arrival, n),
    )
    const outcomes = await Promise.all([1, 2, 3, 4].map((n) => emit(client, n)))
    expect(codes(outcomes)).toEqual(['ok', 'http', 'ok', 'ok'])
    expect(hub.accepted).toEqual([1, 3, 4])
    expect(server.arrivals.map((arrival) => posted(arrival).events.length)).toEqual([4, 1, 1, 1, 1])
  })

  test('401, then refreshed: nobody notices', async () => {
    const refreshes: boolean[] = []
    const { client, server } = await outboxOf(
      (hub) => (response, arrival, n) =>
        (arrival.headers.authorization === 'new' ? works(hub) : refuse(401))(response, arrival, n),
      {
        headers({ refresh }: { refresh: boolean }) {
          refreshes.push(refresh)
          return { authorization: refresh ? 'new' : 'old' }
        },
      },
    )
    expect(codes([await emit(client, 1)])).toEqual(['ok'])
    expect(refreshes).toEqual([false, true])
    expect(server.arrivals).toHaveLength(2)
  })

  test.each([404, 500, 502, 503])('%i: kept, and sent again', async (status) => {
    const { client, settle } = await outboxOf(
      (hub) => (response, arrival, n) => (n < 2 ? refuse(status) : works(hub))(response, arrival, n),
    )
    expect(codes(await settle([emit(client, 1)]))).toEqual(['ok'])
  })

  test('an answer that is no answer', async () => {
    const { client, settle } = await outboxOf((hub) => (response, arrival, n) => {
      const answer = ['{"results":7}', '{"results":[null]}', '{"results":[]}', 'null'][n]
      if (answer) response.writeHead(200, { 'content-type': 'application/json' }).end(answer)
      else if (n === 4) response.writeHead(200, { 'content-type': 'application/json' }).end('<html>')
      else works(hub)(response, arrival, n)
    })
    expect(codes(await settle([emit(client, 1)]))).toEqual(['ok'])
  })
})

describe('who we are', () => {
  test('each emit goes out as the user it was made by, or not at all', async () => {
    let user = 'u1'
    let end = () => {}
    const { client, clock, server, hub, reports, settle } = await outboxOf((hub) => (response, arrival, n) => {
      if (n === 0) refuse(500)(response, arrival, n)
      else if (arrival.method === 'GET') {
        openStream(response, syncBlock('e:0', [`user:${user}`], { user }))
        end = () => void response.end()
      } else if ([undefined, user].includes(posted(arrival).user ?? undefined)) works(hub)(response, arrival, n)
      else {
        const error = { code: 'identity_mismatch', message: 'you are somebody else', retryable: false }
        response.writeHead(409, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
      }
    })
    const unknown = emit(client, 0)
    await until(() => reports.length === 1)
    client.subscribe({ topic: 'user' })
    clock.runNext()
    await until(() => client.status.topic('user:u1') === 'live')
    expect(codes(await settle([unknown, emit(client, 1)]))).toEqual(['ok', 'ok'])
    user = 'u2'
    expect(codes([await emit(client, 2)])).toEqual(['identity_mismatch'])
    end()
    await until(() => client.status.get().phase === 'down')
    clock.runNext()
    await until(() => client.status.topic('user:u2') === 'live')
    expect(codes([await emit(client, 3)])).toEqual(['ok'])
    expect(hub.accepted).toEqual([0, 1, 3])
    const posts = server.arrivals.filter(({ method }) => method === 'POST').map(posted)
    expect(posts.map((post) => post.user)).toEqual([undefined, undefined, 'u1', 'u1', 'u2'])
  })
})

describe('ephemeral', () => {
  test('it carries no seq, and shares a batch', async () => {
    const { client, server } = await outboxOf(works)
    await Promise.all([emit(client, 1), emit(client, 2, { ephemeral: true, topic: 'board:7' }), emit(client, 3)])
    expect(server.arrivals.map(posted).map(({ events }) => events)).toEqual([
      [
        { seq: 1, id: 'n1', type: 'moved', data: 1 },
        { id: 'n2', type: 'moved', topic: 'board:7', data: 2 },
        { seq: 2, id: 'n3', type: 'moved', data: 3 },
      ],
    ])
  })

  test('it is sent now or not at all', async () => {
    const { client, server, reports, settle } = await outboxOf(
      (hub) => (response, arrival, n) => (n < 2 ? refuse(500) : works(hub))(response, arrival, n),
    )
    const kept = emit(client, 1)
    const ephemeral = { ephemeral: true }
    expect(codes([await emit(client, 2, ephemeral)])).toEqual(['http'])
    await until(() => reports.length === 1)
    expect(codes([await emit(client, 3, ephemeral)])).toEqual(['network'])
    expect(codes(await settle([kept]))).toEqual(['ok'])
    expect(codes([await emit(client, 4, ephemeral)])).toEqual(['ok'])
    expect(server.arrivals.map(posted).map(({ events }) => events.map(({ id }) => id))).toEqual([
      ['n1', 'n2'],
      ['n1'],
      ['n1'],
      ['n4'],
    ])
  })
})

describe('ephemeral emits while a batch is on its way', () => {
  const scene = async () => {
    let answer = () => {}
    const world = await outboxOf((hub) => (response, arrival, n) => {
      if (n === 0) answer = () => works(hub)(response, arrival, n)
      else works(hub)(response, arrival, n)
    })
    const first = emit(world.client, -1)
    await until(() => world.server.arrivals.length === 1)
    const moves = Array.from({ length: 1_200 }, (_, n) => emit(world.client, n, { ephemeral: true }))
    return { ...world, answer: () => answer(), first, moves }
  }

  test('the newest hundred follow it, and durable ones find their place', async () => {
    const { client, answer, first, moves, hub } = await scene()
    const durable = emit(client, 1_300)
    answer()
    expect(codes([await first, await durable])).toEqual(['ok', 'ok'])
    const settled = codes(await Promise.all(moves))
    expect(settled.slice(0, 1_100).every((code) => code === 'network')).toBe(true)
    expect(settled.slice(1_100).every((code) => code === 'ok')).toBe(true)
    expect(hub.accepted).toEqual([-1, ...Array.from({ length: 100 }, (_, n) => 1_100 + n), 1_300])
  })

  test('none goes out when it has become old', async () => {
    const { clock, answer, first, moves, hub, server, client } = await scene()
    await clock.advance(1_001)
    answer()
    await first
    expect(new Set(codes(await Promise.all(moves)))).toEqual(new Set(['network']))
    expect(codes([await emit(client, 7)])).toEqual(['ok'])
    expect(hub.accepted).toEqual([-1, 7])
    expect(server.arrivals).toHaveLength(2)
  })
})

describe('bounds and ends', () => {
  test('a thousand wait, and no more', async () => {
    const { client, reports, settle, server, hub } = await outboxOf(
      (hub) => (response, arrival, n) => (n === 0 ? refuse(500) : works(hub))(response, arrival, n),
    )
    const kept = Array.from({ length: 1_000 }, (_, n) => emit(client, n))
    expect(codes([await emit(client, 1_000)])).toEqual(['overloaded'])
    await until(() => reports.length === 1)
    expect(codes([await emit(client, 1_001)])).toEqual(['overloaded'])
    await settle(kept)
    expect(hub.accepted).toEqual(Array.from({ length: 1_000 }, (_, n) => n))
    expect(server.arrivals).toHaveLength(11)
  })

  test('close settles what waits: uncertain what is on its way, closed the rest; start begins anew', async () => {
    let answer = () => {}
    const { client, clock, server, hub } = await outboxOf((hub) => (response, arrival, n) => {
      if (n === 0) answer = () => works(hub)(response, arrival, n)
      else works(hub)(response, arrival, n)
    })
    const first = emit(client, 1)
    await until(() => server.arrivals.length === 1)
    const second = emit(client, 2)
    client.close()
    client.close()
    answer()
    expect(codes([await first, await second, await emit(client, 3)])).toEqual(['uncertain', 'closed', 'closed'])
    await until(() => clock.pending() === 0)
    client.start()
    expect(codes([await emit(client, 4)])).toEqual(['ok'])
    const bodies = server.arrivals.map(posted)
    expect(bodies[1]?.producer).not.toBe(bodies[0]?.producer)
    expect(hub.accepted).toContain(4)
  })

  test('what is not JSON is refused at once, and what it holds is taken at that moment', async () => {
    const { client, hub } = await outboxOf(works)
    const loop: Record<string, unknown> = {}
    loop.self = loop
    expect(() => client.emit({ type: 'moved', data: loop } as never)).toThrow(TypeError)
    const data = { n: 1 }
    const { accepted } = client.emit({ type: 'moved', data } as never)
    data.n = 2
    await accepted
    expect(hub.accepted).toEqual([{ n: 1 }])
  })

  test('with the contract itself, what does not fit is refused before it leaves', async () => {
    const contract = defineContract({
      topics: ['board'],
      events: {
        moved: { topic: 'board', data: z.number(), emit: true },
        cursed: { topic: 'board', data: throwing, emit: true },
      },
    })
    const { client, server } = await outboxOf(works, { contract })
    expect(codes([await client.emit({ type: 'moved', data: 'x' } as never).accepted])).toEqual(['invalid_data'])
    expect(codes([await client.emit({ type: 'unheard', data: 1 } as never).accepted])).toEqual(['unknown_type'])
    expect(codes([await client.emit({ type: 'cursed', data: 1 } as never).accepted])).toEqual(['invalid_data'])
    expect(codes([await emit(client, 1)])).toEqual(['ok'])
    expect(server.arrivals).toHaveLength(1)
  })
})

test('while the code of the outbox cannot be loaded, emits are settled with the reason, and the next one tries again', async () => {
  vi.doMock('../later.ts', () => {
    throw new Error('offline')
  })
  const { client, hub } = await outboxOf(works)
  const { id, accepted } = client.emit({ type: 'moved', data: 1 } as never)
  expect(await accepted).toMatchObject({ ok: false, id, error: { code: 'network', retryable: true } })
  vi.doUnmock('../later.ts')
  expect(codes([await emit(client, 2)])).toEqual(['ok'])
  expect(hub.accepted).toEqual([2])
})

test.each<
  [string, { hasKept?: () => Promise<boolean>; preloadOutbox?: boolean; storage?: EmitStorage | null }, boolean]
>([
  ['of a browser that never emitted fetches no outbox', { hasKept: async () => false }, false],
  ['that cannot know of it does not either', { hasKept: () => Promise.reject(new Error('denied')) }, false],
  ['nor one that is told not to', { hasKept: async () => true, preloadOutbox: false }, false],
  ['of a browser that has kept emits before does, and takes them over', { hasKept: async () => true }, true],
  ['with a storage of its own does', { storage: {} as EmitStorage }, true],
  ['that is told to does', { preloadOutbox: true, storage: null }, true],
])('a live page %s', async (_, options, expected) => {
  const syncs: unknown[] = []
  const box = { sync: (user: unknown) => void syncs.push(user), close() {} }
  vi.doMock('../later.ts', () => ({ createOutbox: () => box }))
  const clock = virtualClock()
  const server = await scriptedServer(clock, (response) => openStream(response, syncBlock('e:0', ['board:7'])))
  const { client } = clientOf(clock, server.url, options)
  client.subscribe({ topic: 'board:7' as never })
  clock.runNext()
  await until(() => client.status.get().phase === 'live')
  // Whoever asked for it before has it now, and has used it when all that follows at once is over.
  await import('../later.ts')
  await new Promise((resolve) => setImmediate(resolve))
  if (expected) await until(() => syncs.length > 0)
  expect(syncs).toEqual(expected ? ['u1'] : [])
  vi.doUnmock('../later.ts')
})
