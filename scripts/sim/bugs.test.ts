// Every deliberate bug still finds its place in the code, so that whoever moves the code learns of it at once.
import { expect, it } from 'vitest'
import { bugs } from './bugs.ts'
import { checks } from './checks/index.ts'
import { filesOf, plant } from './mutate.ts'

it.each(bugs.map((bug) => [bug.name, bug] as const))('"%s" can be planted', (_name, bug) => {
  for (const file of filesOf(bug)) for (const [, by] of file.edits) expect(plant(file)).toContain(by)
})

it('names only checks that there are', () => {
  const names = checks.map(({ name }) => name)
  expect(bugs.flatMap(({ by }) => by ?? []).filter((by) => !names.includes(by))).toEqual([])
})

it('has no two of one name', () => {
  expect(new Set(bugs.map(({ name }) => name)).size).toBe(bugs.length)
})
