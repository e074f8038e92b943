// Nothing in the simulated world imports in a circle, types included, so that each room can be understood without the others.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'

const root = import.meta.dirname

function imports(file: string): string[] {
  const source = readFileSync(join(root, file), 'utf8')
  const named = [...source.matchAll(/(?:from |import\()'(\.[^']+)'/g)].map(([, path = '']) => path)
  return named.map((path) => join(dirname(file), path)).filter((path) => !path.startsWith('..'))
}

function circle(file: string, way: readonly string[], done: Set<string>): readonly string[] | undefined {
  if (way.includes(file)) return [...way.slice(way.indexOf(file)), file]
  if (done.has(file)) return undefined
  for (const next of imports(file)) {
    const found = circle(next, [...way, file], done)
    if (found) return found
  }
  done.add(file)
  return undefined
}

it('has no circle of imports', () => {
  const done = new Set<string>()
  const circles = globSync('**/*.ts', { cwd: root }).flatMap((file) => circle(file, [], done)?.join(' → ') ?? [])
  expect(done.size).toBeGreaterThan(30)
  expect(circles).toEqual([])
})
