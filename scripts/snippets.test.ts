// Shows that broken code in the documentation is found, where a reader would find it.
import { expect, test } from 'vitest'
import { checkSnippets } from './snippets.ts'

const check = (files: Record<string, string>) => {
  const { snippets, problems } = checkSnippets(Object.keys(files), (file) => files[file] ?? '')
  return { snippets, problems: problems.map(({ file, line, message }) => `${file}:${line} ${message}`) }
}

const fence = (code: string, info = 'ts') => `\`\`\`${info}\n${code}\n\`\`\``

test('finds an error at its line', () => {
  const text = `# Title\n\n${fence('const fine = 1')}\n\nWords.\n\n${fence("const a: string = 'a'\nconst b: number = a")}\n`
  expect(check({ 'a.md': text })).toEqual({
    snippets: 2,
    problems: ["a.md:11 Type 'string' is not assignable to type 'number'."],
  })
})

test('lets the blocks of one document import each other, and keeps documents apart', () => {
  const contract = fence('// file: contract.ts\nexport const answer = 42')
  const user = fence("import { answer } from './contract.ts'\nconst text: string = answer")
  expect(check({ 'a.md': `${contract}\n${user}`, 'b.md': user }).problems).toEqual([
    "a.md:7 Type 'number' is not assignable to type 'string'.",
    "b.md:2 Cannot find module './contract.ts' or its corresponding type declarations.",
  ])
})

test('goes on with a file that is told in two blocks', () => {
  const text = `${fence('// file: a.ts\nconst one = 1')}\n\n${fence('// file: a.ts\nconst two: string = one')}`
  expect(check({ 'a.md': text }).problems).toEqual(["a.md:8 Type 'number' is not assignable to type 'string'."])
})

test('leaves alone what is marked, and what is not TypeScript', () => {
  expect(check({ 'a.md': [fence('nonsense', 'ts no-check'), fence('ls', 'sh')].join('\n') })).toEqual({
    snippets: 0,
    problems: [],
  })
})

test('resolves packages and JSX as an application would', () => {
  const text = fence("import { z } from 'zod'\nexport const View = () => <p>{z.string().parse('a').nope}</p>", 'tsx')
  expect(check({ 'a.md': text }).problems).toEqual(["a.md:3 Property 'nope' does not exist on type 'string'."])
})

test('reads the examples in docstrings', () => {
  const source = [
    'const before = 1',
    '/**',
    ' * Says it.',
    ' * @example',
    ' * ```ts',
    ' * const a: number = `b`',
    ' * ```',
    ' */',
    'export const say = before',
    '/** @example say() */',
    'export const unfenced = 1',
  ]
  expect(check({ 'packages/core/src/a.ts': source.join('\n') }).problems).toEqual([
    'packages/core/src/a.ts:10 Put the code of this @example into a ```ts fence, so that it can be checked.',
    "packages/core/src/a.ts:6 Type 'string' is not assignable to type 'number'.",
  ])
})

test('lets the examples in docstrings import what the README tells', () => {
  const readme = fence('// file: contract.ts\nexport const answer = 42')
  const source =
    "/**\n * ```ts\n * import { answer } from './contract.ts'\n * const text: string = answer\n * ```\n */\nexport const a = 1"
  expect(
    check({ 'README.md': readme, 'packages/core/src/a.ts': source, 'b.md': fence("import './contract.ts'") }),
  ).toEqual({
    snippets: 3,
    problems: [
      "packages/core/src/a.ts:4 Type 'number' is not assignable to type 'string'.",
      "b.md:2 Cannot find module or type declarations for side-effect import of './contract.ts'.",
    ],
  })
})
