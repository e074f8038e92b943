// The tail of a hub hears every event after the place at which it joined, even one that comes before it knows that place.
import { defineContract } from '@sse-hub/core/contract'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { virtualClock } from '../../../core/src/testing/virtual-clock.ts'
import type { EventLog } from '../log.ts'
import { memoryLog } from '../logs/memory.ts'
import { createVetting } from '../publishing/vetting.ts'
import { createRecent } from './recent.ts'
import { createTail } from './tail.ts'

it('loses nothing that is appended while it joins', async () => {
  const contract = defineContract({ topics: ['board'], events: { 'card.moved': { topic: 'board', data: z.number() } } })
  const clock = virtualClock()
  const log = memoryLog({ clock })
  const report = () => {}
  const vetting = createVetting(contract, { clock, report })
  const tail = createTail({ log, vetting, recent: createRecent(1_000, vetting.frame), clock, report })
  const heard: number[] = []
  const listener = { topics: ['board'], ephemeral() {}, reset() {} }
  tail.add({ ...listener, durable: (_frame, position) => void heard.push(position) })

  const joining = tail.join()
  await log.append([
    { type: 'card.moved', topic: 'board', id: 'a', at: 0, json: '{"data":1,"topic":"board","at":0,"id":"a"}' },
  ])
  await joining

  expect(heard).toEqual([1])
  expect(tail.at?.position).toBe(1)
})

it('hands an event that has waited behind another to who has come for its topic meanwhile', async () => {
  let think = () => {}
  const thought = new Promise<void>((resolve) => {
    think = resolve
  })
  const slow = z.number().refine(async () => {
    await thought
    return true
  })
  const contract = defineContract({
    topics: ['slow', 'fast'],
    events: { 'slow.said': { topic: 'slow', data: slow }, 'fast.said': { topic: 'fast', data: z.number() } },
  })
  const clock = virtualClock()
  const log = memoryLog({ clock })
  const report = () => {}
  const vetting = createVetting(contract, { clock, report })
  const tail = createTail({ log, vetting, recent: createRecent(1_000, vetting.frame), clock, report })
  const heard: string[] = []
  const listener = (topic: string) => ({
    topics: [topic],
    durable: (_frame: unknown, position: number) => void heard.push(`${topic} ${position}`),
    ephemeral() {},
    reset() {},
  })
  const said = (topic: string) => ({
    type: `${topic}.said`,
    topic,
    id: topic,
    at: 0,
    json: `{"data":1,"topic":"${topic}","at":0,"id":"${topic}"}`,
  })
  await tail.join()
  tail.add(listener('slow'))
  await log.append([said('slow'), said('fast')])
  tail.add(listener('fast'))
  think()
  await expect.poll(() => tail.at?.position).toBe(2)
  expect(heard).toEqual(['slow 1', 'fast 2'])
})

it('is not heard twice by a log that answered too late where it was joined', async () => {
  const clock = virtualClock()
  const inner = memoryLog({ clock })
  let joins = 0
  const log: EventLog = {
    ...inner,
    tail(listener) {
      const joined = inner.tail(listener)
      return joins++ === 0 ? new Promise(() => {}) : joined
    },
  }
  const contract = defineContract({
    topics: ['board'],
    events: { shouted: { topic: 'board', data: z.number(), durable: false } },
  })
  const report = () => {}
  const vetting = createVetting(contract, { clock, report })
  const tail = createTail({ log, vetting, recent: createRecent(1_000, vetting.frame), clock, report })
  let heard = 0
  tail.add({ topics: ['board'], durable() {}, ephemeral: () => void heard++, reset() {} })
  const late = expect(tail.join()).rejects.toThrow()
  await clock.advance(10_001)
  await late
  await tail.join()
  await log.announce([
    { type: 'shouted', topic: 'board', id: 'a', at: 0, json: '{"data":1,"topic":"board","at":0,"id":"a"}' },
  ])
  await log.append([])
  await expect.poll(() => heard).toBe(1)
})
