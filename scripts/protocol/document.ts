// docs/PROTOCOL.md as data: its sections, code blocks, tables and the notations in it, for the tests that hold a hub to them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { root } from '../lib/repo.ts'

const document = readFileSync(join(root, 'docs/PROTOCOL.md'), 'utf8')

/** The text of a section: `3.2`, `5`. */
export function section(number: string): string {
  const [, rest = ''] = document.split(new RegExp(`^#+ ${number.replace('.', '\\.')}\\.? .*$`, 'm'))
  return rest.split(/^#+ /m)[0] ?? ''
}

/** The code blocks of a section. */
export const codes = (number: string): string[] =>
  [...section(number).matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)

/** The rows of a section's table that has this heading, as cells. */
export function table(number: string, heading: string): string[][] {
  const lines = section(number).split('\n')
  const start = lines.findIndex((line) => line.startsWith('|') && line.includes(heading))
  expect(start, `a table with ${heading} in §${number}`).toBeGreaterThanOrEqual(0)
  const rows: string[][] = []
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break
    rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  }
  return rows
}

/** What stands in backticks. */
export const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

/** A value that the text names after some words: ``carries `Cache-Control: no-store` ``. */
export function named(number: string, pattern: RegExp): string {
  const [, value] = pattern.exec(section(number)) ?? []
  if (value === undefined) throw new Error(`§${number} has nothing like ${pattern}`)
  return value
}

/** Checks an object against `{ a, b? }`: all that must be there is, and nothing else. */
export function expectMembers(value: object, notation: string): void {
  const names = notation.replace(/[{}\s]/g, '').split(',')
  const required = names.filter((name) => !name.endsWith('?'))
  const allowed = names.map((name) => name.replace('?', ''))
  expect(Object.keys(value)).toEqual(expect.arrayContaining(required))
  expect(allowed).toEqual(expect.arrayContaining(Object.keys(value)))
}
