// Shows that the size check measures what users would download: it sees a dependency that grows and forgets what is shaken off.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { measure } from './sizes.ts'

let directory = ''
const noise = Array.from({ length: 2000 }, (_, index) => (index * 2654435761) % 4294967296).join(' ')
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sizes-'))
  writeFileSync(join(directory, 'big.ts'), `export const big = '${noise}'\nexport const small = 1\n`)
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
