// A failing seed shrinks to the same few steps every time, each of them needed, and the command that is printed lives them again.
import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'

const sim = (...args: string[]) => {
  const main = new URL('main.ts', import.meta.url).pathname
  const { status, stdout } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })
  return { status, stdout }
}

it('shrinks to the same steps every time, and prints how to live them again', { timeout: 60_000 }, () => {
  const bug = 'announce no gap'
  const some = sim('--seeds', '20', '--jobs', '1', '--bug', bug).stdout
  const seed = /^failing seeds: (\d+)/m.exec(some)?.[1] ?? 'none'
  const whole = ['--seed', seed, '--bug', bug]
  const [first, second] = [sim(...whole, '--shrink'), sim(...whole, '--shrink')]
  // All but the line that says how long it took.
  const told = (text: string) => text.replace(/ in \d+ ms/, '')
  expect(told(second.stdout)).toBe(told(first.stdout))
  expect(first.stdout).toContain('Each of these steps is needed.')

  const check = /steps that still fail "(.+)":/.exec(first.stdout)?.[1] ?? 'nothing'
  const [, again, list = '', planted] =
    /again: pnpm sim --seed (\d+) --steps ([\d,]+) --bug '([^']+)'/.exec(first.stdout) ?? []
  expect([again, planted]).toEqual([seed, bug])
  const places = list.split(',')
  expect(places.length).toBeLessThan(6)
  const replay = (steps: readonly string[]) => sim(...whole, '--steps', steps.join())
  expect(replay(places)).toMatchObject({ status: 1, stdout: expect.stringContaining(check) })
  for (const left of places) {
    const rest = places.filter((place) => place !== left)
    if (rest.length > 0) expect(replay(rest).stdout).not.toContain(check)
  }
})
