// Starts programs the way every script here needs it: our own Node and tools first, signals passed on, no shell.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { root } from './repo.ts'

/** What may differ from run to run. */
export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Tools are found in `node_modules/.bin`; `node` there is the version that this repository runs on. */
function options({ cwd = root, env = {} }: RunOptions): SpawnOptions {
  const path = [join(root, 'node_modules/.bin'), process.env.PATH ?? ''].join(delimiter)
  return { cwd, env: { ...process.env, PATH: path, ...env } }
}

/** Runs a program on our own terminal. Answers its exit code; one that could not start, or was killed, counts as failed. */
export function run(command: string, args: readonly string[], given: RunOptions = {}): Promise<number> {
  const child = spawn(command, args, { ...options(given), stdio: ['ignore', 'inherit', 'inherit'] })
  child.on('error', (error) => console.error(`${command}: ${error.message}`))
  return ended(child)
}

/** What a finished program left. */
export interface Finished {
  readonly code: number
  /** Standard output and error as they came, interleaved. */
  readonly output: string
}

/** Runs a program and keeps what it says; with `echo`, it is also heard at once. */
export async function capture(
  command: string,
  args: readonly string[],
  { echo = false, ...given }: RunOptions & { readonly echo?: boolean } = {},
): Promise<Finished> {
  const child = spawn(command, args, { ...options(given), stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const hear = (text: string): void => {
    output += text
    if (echo) process.stdout.write(text)
  }
  child.on('error', (error) => hear(`${command}: ${error.message}\n`))
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', hear)
  const code = await ended(child)
  return { code, output }
}

/** The exit code of a child. While it lives, signals that would end us end it first. */
function ended(child: ChildProcess): Promise<number> {
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
  process.on('SIGINT', pass).on('SIGTERM', pass)
  return new Promise((resolve) => {
    const finish = (code: number): void => {
      process.off('SIGINT', pass).off('SIGTERM', pass)
      resolve(code)
    }
    child.on('error', () => finish(127)).on('close', (code) => finish(code ?? 1))
  })
}
