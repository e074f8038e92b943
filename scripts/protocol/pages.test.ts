// Holds §4 of docs/PROTOCOL.md, pages, against a real hub.
import { decodePage } from '@sse-hub/core/contract'
import { describe, expect, test } from 'vitest'
import { codes, named } from './document.ts'
import { get, move, open } from './hub.ts'

describe('§4, pages', () => {
  test('the example has the shape of a real page, and can be read', async () => {
    const [example = ''] = codes('4')
    const shown = decodePage(example)
    const hub = open()
    const after = await hub.cursor()
    const { cursor: through } = await move(hub)
    const response = await get(hub, `/page?after=${after}&wait=`)
    const real = (await response.json()) as { events: object[] }
    expect(Object.keys(real).sort()).toEqual(Object.keys(JSON.parse(example)).sort())
    expect(Object.keys(real.events[0] ?? {}).sort()).toEqual(Object.keys(shown.events[0] ?? {}).sort())
    expect(real).toMatchObject({ after, through, topics: ['board:7', 'user:u1'], user: 'u1', gaps: [] })
  })

  test('without `after` the head and no events; with one that cannot be resumed a gap and no events', async () => {
    const hub = open()
    const { cursor: head } = await move(hub)
    const page = async (query: string) => (await get(hub, `/page${query}`)).json()
    expect(await page('')).toMatchObject({ after: head, through: head, events: [], gaps: [] })
    const gap = { topics: ['board:7', 'user:u1'], from: 'other:1', to: head, reason: 'epoch' }
    expect(await page('?after=other:1')).toMatchObject({ after: head, through: head, events: [], gaps: [gap] })
  })

  test('at most as many events as it says, and ephemeral ones never', async () => {
    const hub = open()
    const after = await hub.cursor()
    const most = Number(named('4', /in order, at most (\d+)/))
    await hub.publish(
      Array.from({ length: most + 1 }, () => ({ type: 'card.moved', topic: 'board:7', data: 1 }) as const),
    )
    await hub.publish({ type: 'pointer.moved', topic: 'board:7', data: { x: 1, y: 1 } })
    const first = decodePage(await (await get(hub, `/page?after=${after}`)).text())
    expect(first.events).toHaveLength(most)
    const second = decodePage(await (await get(hub, `/page?after=${first.through}`)).text())
    expect(second.events.map(({ type }) => type)).toEqual(['card.moved'])
  })

  test('where a stream would say good-bye: 503, Retry-After in seconds, the reason as code', async () => {
    const response = await get(open({ disabled: true }), '/page')
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('30')
    expect(await response.json()).toMatchObject({ error: { code: 'disabled', retryable: true } })
  })
})
