// A real nginx between browser and hub, which buffers streams or lets them through: an nginx of the test's own, in a directory of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'vitest'
import { findNginx, nginxRemedy } from '../lib/nginx.ts'
import { ci } from '../lib/repo.ts'
import { until } from './until.ts'

/** What it does to a stream. */
export type Manner = 'buffers' | 'lets through' | 'compresses'

/** An nginx that runs. */
export interface Nginx {
  readonly origin: string
  /** Changes its ways, for requests from now on. What it lets through is cut; what it buffers goes on. */
  turn(manner: Manner): Promise<void>
  close(): Promise<void>
}

const manners: Readonly<Record<Manner, string>> = {
  // As it does by default, where nobody has thought of streams; and where somebody has switched off what the hub asks for.
  buffers: `
      proxy_buffering on;
      proxy_ignore_headers X-Accel-Buffering;
      gzip on;
      gzip_proxied any;
      gzip_min_length 0;
      gzip_types text/event-stream;`,
  'lets through': `
      proxy_buffering off;`,
  // It buffers by default, and lets through what asks for it.
  compresses: `
      gzip on;
      gzip_proxied any;
      gzip_min_length 0;
      gzip_types text/event-stream;`,
}

/**
 * Starts one before a port of this machine. Where there is no nginx the test is skipped and says why; in CI that is a failure.
 * @throws Error in CI, where it is required
 */
export async function startNginx(upstream: number, manner: Manner, context: TestContext): Promise<Nginx> {
  const program = findNginx()
  if (program === undefined) {
    const reason = `nginx is missing. ${nginxRemedy}`
    if (ci) throw new Error(reason)
    context.skip(reason)
    throw new Error(reason)
  }
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'sse-hub-nginx-'))
  const write = (next: Manner) =>
    writeFileSync(
      join(directory, 'nginx.conf'),
      `${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
pid ${directory}/pid;
worker_processes 1;
${next === 'lets through' ? 'worker_shutdown_timeout 100ms;' : ''}
error_log stderr warn;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/${name};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${upstream};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      add_header Manner "${next}" always;${manners[next]}
    }
  }
}
`,
    )
  write(manner)
  const said: string[] = []
  const child: ChildProcess = spawn(program, ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  child.stderr?.setEncoding('utf8').on('data', (text) => void said.push(text))
  const ended = new Promise((resolve) => child.on('close', resolve))
  await until('nginx listens', () => listens(port), { seen: () => said.join('') })
  return {
    origin: `http://127.0.0.1:${port}`,
    async turn(next) {
      write(next)
      child.kill('SIGHUP')
      await until(
        `nginx ${next}`,
        // A connection that the old workers close while it is used is no answer yet.
        () =>
          fetch(`http://127.0.0.1:${port}/`).then(
            ({ headers }) => headers.get('manner') === next,
            () => false,
          ),
      )
    },
    async close() {
      child.kill('SIGTERM')
      await ended
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const answer = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.on('connect', () => answer(true)).on('error', () => answer(false))
  })
}
