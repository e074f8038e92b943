// Holds §5 of docs/PROTOCOL.md, emits, against a real hub: its example is posted as it stands.
import { describe, expect, test } from 'vitest'
import { codes, expectMembers, named } from './document.ts'
import { open, post } from './hub.ts'

describe('§5, emits', () => {
  /** The example, with something in place of its ellipses. */
  const example = () =>
    JSON.parse((codes('5')[0] ?? '').replaceAll('…', 'abcd')) as { producer: string; events: { seq?: number }[] }

  test('the example, as it stands: a producer that the hub does not know must begin at 1', async () => {
    const response = await post(open(), example())
    expect(response.status).toBe(200)
    const { user, results } = (await response.json()) as { user: string; results: { error: object }[] }
    expect(user).toBe('u1')
    expect(results).toHaveLength(1)
    expectMembers(results[0] ?? {}, '{ id, error }')
    expectMembers(results[0]?.error ?? {}, '{ code, message, retryable, expected?, issues? }')
    expect(results[0]?.error).toMatchObject({ code: 'out_of_order', retryable: true, expected: 1 })
  })

  test('the example from 1 on: accepted, durable with a cursor, ephemeral without; again: the same results', async () => {
    const hub = open()
    const batch = example()
    batch.events[0] = { ...batch.events[0], seq: 1 }
    const ask = async () => (await (await post(hub, batch)).json()) as { results: object[] }
    const first = await ask()
    expect(first).toMatchObject({ user: 'u1', results: [{ id: 'abcd', cursor: await hub.cursor() }, { id: 'abcd' }] })
    expectMembers(first.results[1] ?? {}, '{ id }')
    expect(await ask()).toEqual(first)
  })

  test('bounds', async () => {
    const hub = open()
    const kibibytes = Number(named('5', /at most (\d+) KiB/))
    const emits = Number(named('5', /(\d+) emits \(else 400\)/))
    const body = (count: number, fill = '') =>
      JSON.stringify({
        producer: 'p-12345678',
        fill,
        events: Array.from({ length: count }, () => ({ id: 'e', type: 'x', seq: 9 })),
      })
    expect((await post(hub, body(emits))).status).toBe(200)
    expect((await post(hub, body(emits + 1))).status).toBe(400)
    const room = kibibytes * 1024 - body(1).length
    expect((await post(hub, body(1, 'x'.repeat(room)))).status).toBe(200)
    expect((await post(hub, body(1, 'x'.repeat(room + 1)))).status).toBe(413)
  })

  test('results are remembered as long as it says', async () => {
    const hub = open({ limits: { emitsPerSecond: 10_000 } })
    const remembered = Number(named('5', /the last (\d+) of a producer/))
    const emit = async (from: number, count: number) => {
      const events = Array.from({ length: count }, (_, at) => ({
        seq: from + at,
        id: `e${from + at}`,
        type: 'button.clicked',
        data: 'ok',
      }))
      return ((await (await post(hub, { producer: 'p-12345678', events })).json()) as { results: object[] }).results
    }
    for (let seq = 1; seq <= remembered + 1; seq += 50) await emit(seq, Math.min(50, remembered + 2 - seq))
    expect(await emit(1, 2)).toEqual([{ id: 'e1', repeated: true }, { id: 'e2' }])
  })
})
