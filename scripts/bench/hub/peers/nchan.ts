// nginx with the nchan module: it holds the connections, and this process publishes to it by POST over one connection, as a backend would.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findNginx } from '../../../lib/nginx.ts'
import type { StartPeer } from './peer.ts'

/** Where the module is: `NCHAN` in the environment, else where Debian puts it. */
const findModule = () =>
  [process.env.NCHAN ?? '', '/usr/lib/nginx/modules/ngx_nchan_module.so'].find((path) => path && existsSync(path))

/** Why it cannot be measured here; undefined where it can. */
export function nchanIsMissing(): string | undefined {
  if (findNginx() && findModule()) return undefined
  return 'nginx with nchan is missing: install `nginx` and `libnginx-mod-nchan` (as root on Debian), or set NGINX and NCHAN.'
}

/** Starts it: one worker, since one core is what is compared. */
export const startNchan: StartPeer = async () => {
  const program = findNginx()
  const module = findModule()
  if (!program || !module) throw new Error(nchanIsMissing())
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'sse-hub-nchan-'))
  writeFileSync(
    join(directory, 'nginx.conf'),
    `${process.getuid?.() === 0 ? 'user root;' : ''}
load_module ${module};
daemon off;
pid ${directory}/pid;
worker_processes 1;
error_log stderr error;
events { worker_connections 30000; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/${name};`).join('\n  ')}
  nchan_shared_memory_size 512M;
  keepalive_requests 100000000;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /events {
      nchan_subscriber eventsource;
      nchan_channel_id all;
      nchan_subscriber_first_message newest;
    }
    location = /publish {
      nchan_publisher http;
      nchan_channel_id all;
      nchan_message_buffer_length 10000;
    }
  }
}
`,
  )
  const nginx = spawn(program, ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const socket = await reach(port)
  // Answers are read and not looked at: what does not arrive is missed by the generator.
  socket.resume().on('error', (error) => console.error(`nchan: ${error.message}`))
  const worker = workerOf(nginx.pid ?? 0)
  return {
    port,
    path: '/events',
    publish(event) {
      const body = JSON.stringify(event)
      socket.write(
        `POST /publish HTTP/1.1\r\nHost: bench\r\nX-EventSource-Event: tick\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
    },
    cpu: () => cpuOf(worker),
    async close() {
      nginx.kill('SIGTERM')
      await once(nginx, 'exit')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Microseconds of processor time of a process, in the 10 ms that Linux counts. */
function cpuOf(pid: number): number {
  // The name of the program is in parentheses and may hold blanks; utime and stime are the 12th and 13th after it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

function workerOf(master: number): number {
  return Number(readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').trim().split(' ')[0])
}

async function reach(port: number) {
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    if (isOpen) return socket
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error('nginx did not begin to listen.')
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
