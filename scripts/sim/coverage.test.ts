// The coverage counts what was done to whom in which state, across reloads, and names what never met.
import { expect, it } from 'vitest'
import { coverageTable, meetings } from './coverage.ts'
import type { Entry, Happening } from './history.ts'

const did = (action: string, params: object): Happening => ({ what: 'did', action, params })
const status = (page: number, phase: string, via?: string): Happening => ({
  what: 'status',
  page,
  status: { phase, ...(via === undefined ? {} : { via }) },
})

it('counts the states of those whom an action is done to', () => {
  const happenings: Happening[] = [
    { what: 'opened', page: 1, user: 'ann', place: 0 },
    { what: 'opened', page: 2, user: 'bob', place: 1 },
    status(1, 'live', 'sse'),
    status(2, 'live', 'poll'),
    did('cut a connection', { page: 1 }),
    did('disconnect a user', { user: 'ann' }),
    did('restart the hub', {}),
    did('reload the page', { page: 0 }),
    { what: 'opened', page: 3, user: 'ann', place: 0 },
    status(3, 'down'),
    did('cut a connection', { page: 0 }),
    { what: 'froze', page: 3, how: 'told' },
    did('cut a connection', { page: 0 }),
    { what: 'thawed', page: 3 },
    { what: 'crashed', page: 3 },
    did('cut a connection', { page: 0 }),
    { what: 'settling' },
    did('cut a connection', { page: 0 }),
  ]
  const entries = happenings.map((happening, at): Entry => ({ ...happening, at }))
  const counts = meetings(entries)
  expect(counts).toEqual({
    'cut a connection × live by pages': 1,
    'disconnect a user × live': 1,
    'restart the hub × live': 1,
    'restart the hub × live by pages': 1,
    'reload the page × live': 1,
    'cut a connection × down': 1,
    'cut a connection × frozen': 1,
    'cut a connection × gone': 1,
  })
  const { table, never } = coverageTable(counts)
  expect(table).toMatch(/^cut a connection +0 +0 +0 +1 +0 +1 +0 +0 +0 +1 +1$/m)
  expect(never).toContain('cut a connection × live')
  expect(table).toMatch(/Never met: .*cut a connection × live · /)
  expect(table).not.toContain('cut a connection × down')
})
