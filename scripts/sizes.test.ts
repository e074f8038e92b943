// Shows that the size check measures what users would download: it sees a dependency that grows and forgets what is shaken off.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { measure, weigh, withTable } from './sizes.ts'

let directory = ''
const noise = Array.from({ length: 2000 }, (_, index) => (index * 2654435761) % 4294967296).join(' ')
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sizes-'))
  writeFileSync(join(directory, 'big.ts'), `export const big = '${noise}'\nexport const small = 1\n`)
  writeFileSync(join(directory, 'other.ts'), `export const other = '${[...noise].reverse().join('')}'\n`)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('counts what is imported', async () => {
  const { gzipped, minified, shares } = await measure("export { big } from './big.ts'", [], directory)
  expect(minified).toBeGreaterThan(noise.length)
  expect(gzipped).toBeGreaterThan(5_000)
  expect(shares[0]?.file).toMatch(/big\.ts$/)
})

test('does not count what is not', async () => {
  expect((await measure("export { small } from './big.ts'", [], directory)).gzipped).toBeLessThan(100)
  expect((await measure("export { big } from 'big'", ['big'], directory)).gzipped).toBeLessThan(100)
})

test('counts apart what is fetched only when it is used', async () => {
  writeFileSync(join(directory, 'lazy.ts'), "export const load = () => import('./big.ts')\n")
  const { gzipped, later } = await measure("export { load } from './lazy.ts'", [], directory)
  expect(gzipped).toBeLessThan(300)
  expect(later).toBeGreaterThan(5_000)
})

test('counts what comes on top of what a page has already', async () => {
  const budget = { name: '', code: "export { small } from './big.ts'", limit: 1 }
  const beside = "export { big } from './big.ts'\n"
  expect((await weigh({ ...budget, beside }, directory)).gzipped).toBeLessThan(100)
  expect(
    (await weigh({ ...budget, beside, code: "export { other } from './other.ts'" }, directory)).gzipped,
  ).toBeGreaterThan(5_000)
})

test('a line of the table that is not true is another text', () => {
  const text = 'a\n<!-- sizes -->\nold\n<!-- /sizes -->\nb\n'
  const size = { minified: 0, gzipped: 1_234, later: 0, shares: [] }
  const told = withTable(text, [['`x`', size, 2]])
  expect(told).toMatch(/^a\n<!-- sizes -->\n.*\| `x` \| 1\.23 kB \| 2 kB \| {2}\|\n<!-- \/sizes -->\nb\n$/s)
  expect(withTable(told, [['`x`', size, 2]])).toBe(told)
  expect(withTable(told, [['`x`', { ...size, gzipped: 1_240 }, 2]])).not.toBe(told)
})
