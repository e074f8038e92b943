// Holds §3 of docs/PROTOCOL.md, the stream, against the bytes of a real hub.
import { type ByeReason, defineContract, type GapReason } from '@sse-hub/core/contract'
import { createHub, memoryLog } from '@sse-hub/server'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { codes, expectMembers, named, quoted, section, table } from './document.ts'
import { closeLater, move, open, post, stream } from './hub.ts'

describe('§3, the stream', () => {
  test('the block of a hub that is disabled, byte for byte', async () => {
    const { text, response, rest } = await stream(open({ disabled: true }))
    await rest()
    expect(text()).toBe(codes('3.2')[0])
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe(named('3.2', /`Content-Type: ([^`]+)`/))
  })

  test('every block of the table, and lines as §3.3 says', async () => {
    const rows = table('3.3', '`event:`')
    expect(rows.map(([event]) => event)).toEqual([
      '`hub.sync`',
      "*an event's type*",
      '`hub.beat`',
      '`hub.gap`',
      '`hub.presence`',
      '`hub.bye`',
    ])
    const [sync, event, , gap, presence, bye] = rows.map(([, , data = '']) => quoted(data)[0] ?? '')

    const log = memoryLog()
    const earlier = createHub({
      contract: defineContract({ topics: ['board'], events: { old: { topic: 'board', data: z.json() } } }),
      authorize: () => null,
      log,
    })
    closeLater(earlier)
    const hub = open({ log, heartbeatMs: 20 })
    const start = await hub.cursor()
    const old = await earlier.publish({ type: 'old', topic: 'board:7', data: 1 })
    const reader = await stream(hub, `?after=${start}`)

    const first = await reader.until('hub.sync')
    expect(reader.blocks[0]).toBe(first)
    expect(reader.text()).toMatch(/^retry: 1000\nevent: hub\.sync\nid: \S+\ndata: \{.*\}\n\n/)
    const synced = JSON.parse(first.data)
    expectMembers(synced, sync ?? '')
    expect(synced).toEqual({ cursor: start, topics: ['board:7', 'user:u1'], gaps: [], user: 'u1', heartbeatMs: 20 })
    expect(first.id).toBe(start)

    const skipped = await reader.until('hub.gap')
    expectMembers(JSON.parse(skipped.data), gap ?? '')
    expect(JSON.parse(skipped.data)).toEqual({ topics: ['board:7'], from: start, to: old.cursor, reason: 'schema' })
    expect(skipped.id).toBe(old.cursor)

    const { cursor } = await move(hub)
    const durable = await reader.until('card.moved')
    expectMembers(JSON.parse(durable.data), event ?? '')
    expect(durable.id).toBe(cursor)

    await post(hub, {
      producer: 'p-12345678',
      events: [{ id: 'e', type: 'pointer.moved', topic: 'board:7', data: { x: 1, y: 2 } }],
    })
    const ephemeral = await reader.until('pointer.moved')
    expectMembers(JSON.parse(ephemeral.data), event ?? '')
    expect(JSON.parse(ephemeral.data).user).toBe('u1')
    expect(ephemeral.id).toBeUndefined()

    await move(hub)
    const beat = await reader.until('hub.beat')
    expect(beat.data).toBe('')
    expect(beat.id).toMatch(/^[\w-]+:\d+$/)

    const present = await stream(hub, '?topics=board:7')
    const snapshot = await present.until('hub.presence')
    expectMembers(JSON.parse(snapshot.data), presence ?? '')
    expect(JSON.parse(snapshot.data)).toEqual({ topic: 'board:7', users: ['u1'], count: 1 })
    expect(snapshot.id).toBeUndefined()
    expect(present.blocks.map(({ event }) => event).slice(0, 2)).toEqual(['hub.sync', 'hub.presence'])
    // Who has named no topics is nowhere, and hears of nobody.
    expect(reader.blocks.filter(({ event }) => event === 'hub.presence')).toEqual([])
    await present.cancel()

    hub.disable()
    await reader.rest()
    const last = reader.blocks.at(-1)
    expect(last?.event).toBe('hub.bye')
    expectMembers(JSON.parse(last?.data ?? ''), bye ?? '')
    expect(last?.id).toBeUndefined()
    expect(reader.text()).toMatch(/\n\nretry: \d+\nevent: hub\.bye\ndata: \{.*\}\n\n$/)

    // One space, one line of data, LF, and an empty line after each block.
    for (const line of reader.text().split('\n')) expect(line).toMatch(/^((retry|event|id|data): \S.*|data:|)$/)
    expect(reader.text()).not.toMatch(/[\r\0]|\n\n\n/)
  })

  test('a cursor that cannot be resumed: another epoch, unreadable, beyond the head', async () => {
    const hub = open()
    const { cursor: head = '' } = await move(hub)
    const [epoch] = head.split(':')
    for (const [after, from] of [
      ['other:3', 'other:3'],
      ['nonsense', undefined],
      [`${epoch}:99`, undefined],
    ] as const) {
      for (const [query, headers] of [
        [`?after=${after}`, {}],
        ['?after=ignored', { 'last-event-id': after }],
      ] as const) {
        const reader = await stream(hub, query, headers)
        const { cursor, gaps } = JSON.parse((await reader.until('hub.sync')).data)
        expect(cursor).toBe(head)
        const gap = { topics: ['board:7', 'user:u1'], to: head, reason: 'epoch' }
        expect(gaps).toEqual([from === undefined ? gap : { ...gap, from }])
        await reader.cancel()
      }
    }
  })

  test('topics: narrowed by what is asked for, sorted, `user` written out; what is not granted is missing', async () => {
    const reader = await stream(open(), '?topics=user,board:9,board:7,board:7')
    expect(JSON.parse((await reader.until('hub.sync')).data).topics).toEqual(['board:7', 'user:u1'])
    await reader.cancel()
  })

  test('the reasons of a gap and of a good-bye are those of the code', () => {
    const gaps: Readonly<Record<GapReason, true>> = { trimmed: true, epoch: true, schema: true }
    const listed = section('3.3').matchAll(/^- `(\w+)`: /gm)
    expect([...listed].map(([, reason]) => reason)).toEqual(Object.keys(gaps))
    const byes: Readonly<Record<ByeReason, true>> = {
      ...{ disabled: true, draining: true, changed: true, expired: true, revoked: true, overloaded: true },
    }
    expect(table('3.3', '| reason |').map(([cell = '']) => quoted(cell)[0])).toEqual(Object.keys(byes))
  })
})
