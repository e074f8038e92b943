// Shows that a change of the public API changes its file, and that a change of what is inside does not.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { publicApi } from './api.ts'
import { root } from './lib/repo.ts'

let directory = ''
beforeAll(() => {
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
  directory = mkdtempSync(join(root, 'node_modules/.cache/api-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function api(text: string): string {
  const source = join(directory, 'index.ts')
  writeFileSync(join(directory, 'inner.ts'), text)
  writeFileSync(source, "export { connect, limit, type Options, Failure, plan } from './inner.ts'\n")
  return publicApi({ folder: 'x', path: directory, name: 'x', entries: [{ specifier: 'x', source }] })
}

const text = `
export interface Options { readonly url: string }
/** Connects. */
export function connect<T>(options: Options, make: (text: string) => T): Promise<T> { return Promise.resolve(make(options.url)) }
export const limit = 5
export const plan = (a: string): readonly string[] => [a]
export class Failure extends Error { readonly code: string; #secret = 1; constructor(code: string) { super(code + this.#secret); this.code = code } get tries(): number { return 1 } set tries(_: number) {} }
`

test('lists what an entry point exports', () => {
  expect(api(text)).toMatchInlineSnapshot(`
    "# x

    class Failure
      new (code: string): Failure
      code: string
      get tries: number
      set tries: number
    interface Options {
        readonly url: string
    }
    function connect<T>(options: Options, make: (text: string) => T): Promise<T>
    const limit: 5
    function plan(a: string): readonly string[]
    "
  `)
})

test('does not change with a body, but with a signature', () => {
  const before = api(text)
  expect(api(text.replace('[a]', '[a, a]'))).toBe(before)
  expect(api(text.replace('plan = (a: string)', 'plan = (a: string, b?: number)'))).not.toBe(before)
  expect(api(text.replace('readonly url: string', 'readonly url: string | URL'))).not.toBe(before)
})
