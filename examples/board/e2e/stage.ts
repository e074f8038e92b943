// What the end-to-end tests stand on: the demo as a process of its own, and Chromium windows that remember what went over the wire.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { capture } from '../../../scripts/lib/run.ts'

const home = resolve(import.meta.dirname, '..')

/** Builds the page as the demo does. */
export async function buildPage(): Promise<void> {
  // Vitest's own NODE_ENV would make it a page for developers.
  const { code, output } = await capture('vite', ['build'], { cwd: home, env: { NODE_ENV: 'production' } })
  if (code !== 0) throw new Error(`vite build failed:\n${output}`)
}

/** A folder that is gone when the tests are. */
export function scratch(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'sse-hub-board-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** The demo, running as a process. */
export interface Demo {
  readonly url: string
  readonly port: number
  /** Ends it as a power cut would. */
  kill(): Promise<void>
  /** Asks it to end, and answers its exit code. */
  stop(): Promise<number | null>
}

/** Starts `server/main.ts` and waits until it says where it listens. */
export async function startDemo({ port = 0, file }: { port?: number; file: string }): Promise<Demo> {
  const server = spawn(process.execPath, ['server/main.ts'], {
    cwd: home,
    env: { ...process.env, PORT: String(port), HUB_LOG: file },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await spokenUrl(server)
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (server.exitCode === null && server.signalCode === null) {
      const exited = once(server, 'exit')
      server.kill(signal)
      await exited
    }
    return server.exitCode
  }
  return {
    url,
    port: Number(new URL(url).port),
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  }
}

async function spokenUrl(server: ChildProcess): Promise<string> {
  if (!server.stdout) throw new Error('The server has no output')
  const lines = createInterface(server.stdout)
  for await (const line of lines) {
    const [, url] = /^Board: (\S+)/.exec(line) ?? []
    if (url) {
      // What it says later must not fill the pipe.
      server.stdout.resume()
      return url
    }
  }
  throw new Error('The server ended before it listened')
}

/** Starts Chromium, as root too. */
export const startChromium = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  })

/** One stream, as a window received it. */
export interface Wire {
  readonly url: string
  readonly text: string
}

/** A window on the board. */
export interface Window {
  readonly page: Page
  /** What it has asked the REST API for and was answered, since it was opened: `GET /api/cards`. */
  readonly answered: string[]
  /** What went wrong in the page. */
  readonly errors: string[]
  /** All streams that it opened, with all that came. */
  wires(): Promise<Wire[]>
}

/** Opens a window of its own, with its own cookies: another person. `before` runs in it before its own scripts. */
export async function openWindow(
  browser: Browser,
  url: string,
  { before = recordStreams, ...options }: BrowserContextOptions & { readonly before?: () => void } = {},
): Promise<Window> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  await context.addInitScript(before)
  const page = await context.newPage()
  const answered: string[] = []
  const errors: string[] = []
  page.on('response', (response) => {
    const { pathname } = new URL(response.url())
    // `/api/me` is how a window that has lost its connection finds out whether the server answers at all.
    if (pathname.startsWith('/api/') && !pathname.startsWith('/api/sse/') && pathname !== '/api/me')
      answered.push(`${response.request().method()} ${pathname}`)
  })
  page.on('pageerror', (error) => errors.push(String(error)))
  await page.goto(url)
  return {
    page,
    answered,
    errors,
    wires: () => page.evaluate(() => (globalThis as unknown as { wires: Wire[] }).wires),
  }
}

/** Runs in the page, before its own scripts: a second reader of every stream, of which the application knows nothing. */
function recordStreams(): void {
  const wires: { url: string; text: string }[] = []
  Object.assign(globalThis, { wires })
  const real = globalThis.fetch
  globalThis.fetch = async (input, init) => {
    const response = await real(input, init)
    if (!response.headers.get('content-type')?.startsWith('text/event-stream') || !response.body) return response
    const [theirs, ours] = response.body.tee()
    const wire = { url: response.url, text: '' }
    wires.push(wire)
    const decoder = new TextDecoder()
    const write = (bytes: Uint8Array) => {
      wire.text += decoder.decode(bytes, { stream: true })
    }
    // It fails when the stream is cut, which is the application's business.
    ours.pipeTo(new WritableStream({ write })).catch(() => {})
    return new Response(theirs, { status: response.status, headers: response.headers })
  }
}
