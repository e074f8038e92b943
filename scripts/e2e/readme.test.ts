// Pastes the README's quick start into an application of its own, and looks at it in Chromium: what it promises in ten minutes must be true.
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Application, makeApplication } from '../lib/application.ts'
import { browserRemedy, findBrowser } from '../lib/browsers.ts'
import { ci, root } from '../lib/repo.ts'

const executablePath = findBrowser('chromium')
let application: Application
let server: ChildProcess | undefined

/** The README's code, by the file name in the first line of each block. */
function quickStart(): Map<string, string> {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const blocks = readme.matchAll(/^```tsx?\n\/\/ file: (\S+)\n([\s\S]*?)^```$/gm)
  return new Map([...blocks].map(([, name = '', code = '']) => [name, code]))
}

beforeAll(async () => {
  application = await makeApplication()
  for (const one of ['react', 'react-dom', 'zod', '@tanstack/react-query', '@tanstack/query-core']) {
    application.link(one, join(root, 'packages/react-query'))
  }
  writeFileSync(join(application.path, 'package.json'), '{ "type": "module" }')
  for (const [name, code] of quickStart()) writeFileSync(join(application.path, name), code)
})

afterAll(() => {
  server?.kill()
  application?.remove()
})

/** Starts the README's server on a free port, and answers it once it listens. */
async function startServer(): Promise<number> {
  const free = createServer()
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve))
  const { port } = free.address() as AddressInfo
  await new Promise((resolve) => free.close(resolve))
  const child = spawn('node', ['server.ts'], {
    cwd: application.path,
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  server = child
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  await expect
    .poll(
      async () => {
        if (child.exitCode !== null) throw new Error(`The server ended:\n${said}`)
        return (await fetch(`http://localhost:${port}/api/cards`).catch(() => undefined))?.status
      },
      { timeout: 30_000 },
    )
    .toBe(200)
  return port
}

describe('the quick start', () => {
  it('shows live cards after one fetch', async (context) => {
    if (!executablePath && !ci) return context.skip(`needs Chromium. ${browserRemedy}`)
    expect([...quickStart().keys()]).toEqual(['contract.ts', 'server.ts', 'board.tsx'])
    const behind = await startServer()
    writeFileSync(
      join(application.path, 'page.tsx'),
      `import { createRoot } from 'react-dom/client'\nimport { app } from './board.tsx'\ncreateRoot(document.body).render(app)\n`,
    )
    const bundle = await build({
      entryPoints: [join(application.path, 'page.tsx')],
      bundle: true,
      write: false,
      format: 'esm',
      jsx: 'automatic',
      define: { 'process.env.NODE_ENV': '"development"' },
    })
    const script = bundle.outputFiles[0]?.text ?? ''
    // One origin for the page and its API, as any development server makes it.
    const asked: string[] = []
    const front = createServer((req, res) => {
      const url = req.url ?? '/'
      if (url.startsWith('/api/')) {
        asked.push(url)
        const onward = request({ port: behind, path: url, method: req.method, headers: req.headers }, (answer) => {
          res.writeHead(answer.statusCode ?? 502, answer.headers)
          res.flushHeaders()
          answer.pipe(res)
        })
        onward.on('error', () => res.destroy())
        res.on('close', () => onward.destroy())
        req.pipe(onward)
      } else if (url === '/page.js') res.setHeader('content-type', 'text/javascript').end(script)
      else if (url === '/')
        res.setHeader('content-type', 'text/html').end('<body><script type="module" src="/page.js"></script>')
      else res.writeHead(404).end()
    })
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
    const browser = await chromium.launch({
      ...(executablePath ? { executablePath } : {}),
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
    })
    try {
      const page = await browser.newPage()
      const errors: string[] = []
      page.on('pageerror', (error) => errors.push(String(error)))
      await page.goto(`http://127.0.0.1:${(front.address() as AddressInfo).port}/`)
      await page.getByText('Live', { exact: true }).waitFor()
      // Each change comes by the stream, so both sides must be seen, and again, with no second fetch.
      for (const column of ['done', 'todo', 'done']) await page.getByText(`Try sse-hub: ${column}`).waitFor()
      expect(asked.filter((url) => url.startsWith('/api/cards'))).toHaveLength(1)
      expect(asked.filter((url) => url.startsWith('/api/sse/events'))).toHaveLength(1)
      expect(errors).toEqual([])
    } finally {
      await browser.close()
      front.closeAllConnections()
      await new Promise((resolve) => front.close(resolve))
    }
  })
})
