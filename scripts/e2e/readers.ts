// Four readers of a stream that know nothing of hubs: curl in a loop, EventSource in two browsers, and the npm package `eventsource`.
import { spawn } from 'node:child_process'
import { EventSource } from 'eventsource'
import { createParser } from 'eventsource-parser'
import type { TestContext } from 'vitest'
import { launch } from './browser.ts'
import type { Heard, NativePage } from './native-page.ts'

/** A reader of one stream, which comes back by itself when the stream ends. */
export interface Reader {
  /** What it heard so far. */
  heard(): Promise<readonly Heard[]>
  /** Whether it gave up for good. */
  dead(): Promise<boolean>
  /** Ends it. */
  close(): Promise<void>
}

/** Starts a reader of `path` at `origin` that listens for these types. */
export type Connect = (origin: string, path: string, types: readonly string[], context: TestContext) => Promise<Reader>

/** Every reader that we promise to serve. */
export const readers: readonly (readonly [name: string, connect: Connect])[] = [
  ['curl -N in a loop', async (origin, path) => curl(`${origin}${path}`)],
  ['the npm package eventsource', async (origin, path, types) => eventsource(`${origin}${path}`, types)],
  ['EventSource in Chromium', (...args) => inBrowser('chromium', ...args)],
  ['EventSource in Firefox', (...args) => inBrowser('firefox', ...args)],
]

/** What a shell script does: run curl, and when it ends, wait for `retry:` and run it again with the last id. */
export function curl(url: string, ...options: string[]): Reader {
  const heard: Heard[] = []
  let lastEventId = ''
  let retryMs = 1000
  let closed = false
  let failed: Error | undefined
  let timer: NodeJS.Timeout | undefined
  let child: ReturnType<typeof spawn> | undefined

  const run = (): void => {
    const parser = createParser({
      onId: (id) => {
        lastEventId = id
      },
      onRetry: (ms) => {
        retryMs = ms
      },
      onEvent: ({ event = 'message', data }) => heard.push({ type: event, data, lastEventId }),
    })
    const resume = lastEventId === '' ? [] : ['--header', `Last-Event-ID: ${lastEventId}`]
    child = spawn('curl', ['--silent', '--no-buffer', ...options, ...resume, url], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    child.stdout?.setEncoding('utf8').on('data', (text: string) => parser.feed(text))
    child.on('error', (error) => {
      failed = error
    })
    child.on('close', () => {
      if (!closed && !failed) timer = setTimeout(run, retryMs)
    })
  }
  run()
  return {
    async heard() {
      if (failed) throw failed
      return heard
    },
    dead: async () => false,
    async close() {
      closed = true
      clearTimeout(timer)
      child?.kill()
    },
  }
}

function eventsource(url: string, types: readonly string[]): Reader {
  const heard: Heard[] = []
  const source = new EventSource(url)
  for (const type of types) {
    source.addEventListener(type, ({ data, lastEventId }) => heard.push({ type, data, lastEventId }))
  }
  return {
    heard: async () => heard,
    dead: async () => source.readyState === source.CLOSED,
    close: async () => source.close(),
  }
}

async function inBrowser(
  name: 'chromium' | 'firefox',
  ...[origin, path, types, context]: Parameters<Connect>
): Promise<Reader> {
  const browser = await launch(name, context)
  const tab = await browser.open(origin)
  const call = <K extends keyof NativePage>(method: K, ...args: Parameters<NativePage[K]>) =>
    tab.evaluate<ReturnType<NativePage[K]>>(`page.${method}(...${JSON.stringify(args)})`)
  await call('connect', path, types)
  return {
    heard: async () => JSON.parse(await call('heard')) as Heard[],
    dead: async () => (await call('state')) === 2,
    close: () => browser.close(),
  }
}
