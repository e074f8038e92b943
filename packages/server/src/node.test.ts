// The node:http adapter: how streams reach the socket, how each way of leaving is noticed, and how frameworks mount it.
import http, { type RequestListener } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import net from 'node:net'
import { createGunzip, createGzip } from 'node:zlib'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { listen, numbers, testClock, until, world } from './fixtures/world.ts'
import { sharedGzip } from './gzip.ts'
import { toNodeHandler, writeResponse } from './node.ts'

const moved = (n: number) => ({ type: 'card.moved' as const, topic: 'board:7' as const, data: { n } })

/** A raw TCP client that keeps all it gets. */
async function dial(port: number, text: string) {
  const socket = net.connect(port, '127.0.0.1')
  const client = { socket, text: '', ended: false }
  socket.on('data', (bytes) => {
    client.text += bytes.toString()
  })
  socket.on('error', () => {})
  socket.on('end', () => {
    client.ended = true
  })
  onTestFinished(() => void socket.destroy())
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.write(text)
  return client
}
const get = (path: string, version = '1.1', more = '') =>
  `GET ${path} HTTP/${version}\r\nHost: 127.0.0.1\r\n${more}\r\n`

describe('on the wire', () => {
  test('a stream is chunked, an event is one chunk, and a bye leaves the connection usable', async () => {
    const { hub, port, server } = await world()
    const sockets: net.Socket[] = []
    server.on('connection', (socket) => void sockets.push(socket))
    const client = await dial(port, get('/api/sse/events'))
    await until(() => expect(client.text).toContain('hub.sync'))
    expect(client.text).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(client.text.toLowerCase()).toContain('transfer-encoding: chunked')
    expect(client.text.toLowerCase()).toContain('cache-control: no-store, no-transform')
    client.text = ''
    await hub.publish(moved(1))
    await until(() => expect(client.text).toMatch(/^[0-9a-f]+\r\nevent: card.moved\n[^\r]*\n\n\r\n$/))
    const [size = '', chunk = ''] = client.text.split('\r\n')
    expect(Number.parseInt(size, 16)).toBe(Buffer.byteLength(chunk))
    hub.disable()
    await until(() => expect(client.text).toMatch(/\r\n0\r\n\r\n$/))
    hub.enable()
    client.text = ''
    client.socket.write(get('/api/sse/health'))
    await until(() => expect(client.text).toContain('{"status":"ok"}'))
    client.text = ''
    client.socket.write(get('/api/sse/events'))
    await until(() => expect(client.text).toContain('hub.sync'))
    expect(client.ended).toBe(false)
    expect(hub.stats().connections).toBe(1)
    // What the first stream put on the shared socket is gone: Node's own listener and ours are left.
    expect(sockets[0]?.listenerCount('drain')).toBe(2)
  })

  test('several events of one turn are one write', async () => {
    const { hub, port } = await world()
    const client = await dial(port, get('/api/sse/events'))
    await until(() => expect(client.text).toContain('hub.sync'))
    client.text = ''
    await hub.publish([moved(1), moved(2), moved(3)])
    await until(() => expect(client.text.match(/event: card.moved/g)?.length).toBe(3))
    expect(client.text.split('\r\n').length).toBe(3)
  })

  test('HTTP/1.0 gets the stream as it is, until the connection ends', async () => {
    const { hub, port } = await world()
    const client = await dial(port, get('/api/sse/events', '1.0'))
    await until(() => expect(client.text).toContain('hub.sync'))
    await hub.publish(moved(1))
    await until(() => expect(client.text).toMatch(/\n\nevent: card.moved\n.*\n.*\n\n$/))
    expect(client.text).not.toContain('chunked')
    hub.disable()
    await until(() => expect(client.ended).toBe(true))
    expect(client.text).toContain('hub.bye')
    await until(() => expect(hub.stats().connections).toBe(0))
  })

  test('a pipelined request waits for its turn, and gets a proper stream', async () => {
    const { hub, port } = await world()
    const client = await dial(port, get('/api/sse/page?wait=5000&after=x') + get('/api/sse/events'))
    await until(() => expect(client.text).toContain('hub.sync'))
    await hub.publish(moved(1))
    await until(() => expect(client.text).toContain('card.moved'))
    client.socket.destroy()
    await until(() => expect(hub.stats().connections).toBe(0))
  })

  test('what is pipelined behind a stream is nobody to the hub', async () => {
    const { hub, port } = await world()
    const client = await dial(port, get('/api/sse/events').repeat(50))
    await until(() => expect(client.text).toContain('hub.sync'))
    const other = await dial(port, get('/api/sse/events'))
    await until(() => expect(other.text).toContain('hub.sync'))
    expect(hub.stats().connections).toBe(2)
    client.socket.destroy()
    await until(() => expect(hub.stats().connections).toBe(1))
  })

  test('http2 in plain text', async () => {
    const { hub } = await world()
    const server = http2.createServer(toNodeHandler(hub))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => {
      session.destroy()
      server.close()
    })
    session.on('error', () => {})
    const open = () => {
      const stream = session.request({ ':path': '/api/sse/events' })
      const got = { stream, text: '', ended: false }
      stream.setEncoding('utf8')
      stream.on('data', (part: string) => {
        got.text += part
      })
      stream.on('end', () => {
        got.ended = true
      })
      stream.on('error', () => {})
      return got
    }
    const [one, two, three] = [open(), open(), open()]
    await until(() => {
      for (const { text } of [one, two, three]) expect(text).toContain('hub.sync')
    })
    await hub.publish(moved(1))
    await until(() => expect(two.text).toContain('card.moved'))
    one.stream.close(http2.constants.NGHTTP2_CANCEL)
    three.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
    await until(() => expect(hub.stats().connections).toBe(1))
    hub.disconnect('u1')
    await until(() => expect(two.ended).toBe(true))
    expect(two.text).toContain('"revoked"')
    await until(() => expect(hub.stats().connections).toBe(0))
    const late = open()
    await until(() => expect(late.text).toContain('hub.sync'))
    session.destroy()
    await until(() => expect(hub.stats().connections).toBe(0))
  })
})

describe('each way of leaving is noticed', () => {
  const ways: readonly (readonly [string, (socket: net.Socket) => void])[] = [
    ['closing the socket', (socket) => void socket.destroy()],
    ['half-closing it', (socket) => void socket.end()],
    ['resetting it', (socket) => void socket.resetAndDestroy()],
  ]
  test.each(ways)('%s', async (_, leave) => {
    const { hub, port } = await world()
    const clients = await Promise.all(numbers(5).map(() => dial(port, get('/api/sse/events'))))
    await until(() => {
      for (const { text } of clients) expect(text).toContain('hub.sync')
    })
    expect(hub.stats()).toMatchObject({ connections: 5, users: 1, phases: { live: 5 } })
    for (const { socket } of clients) leave(socket)
    await until(() => expect(hub.stats()).toMatchObject({ connections: 0, users: 0, phases: {}, bufferedBytes: 0 }))
  })

  test.each(ways)('%s while events flow', async (_, leave) => {
    const { hub, port } = await world()
    const clients = await Promise.all(numbers(5).map(() => dial(port, get('/api/sse/events'))))
    await until(() => expect(hub.stats().phases.live).toBe(5))
    for (const n of numbers(50)) {
      if (n === 20) for (const { socket } of clients) leave(socket)
      await hub.publish(moved(n))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => expect(hub.stats().connections).toBe(0))
  })

  test.each(ways)('%s while the application still thinks about the request', async (_, leave) => {
    let asked = 0
    const answers: (() => void)[] = []
    const { hub, port } = await world({
      authorize: () => {
        asked++
        return new Promise((resolve) => void answers.push(() => resolve({ user: 'u1', read: [] })))
      },
    })
    const clients = await Promise.all([
      dial(port, get('/api/sse/events')),
      dial(port, get('/api/sse/page?wait=25000&after=x')),
    ])
    await until(() => expect(asked).toBe(2))
    const gone = Promise.all(clients.map(({ socket }) => new Promise((resolve) => socket.once('close', resolve))))
    for (const { socket } of clients) leave(socket)
    await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 20))])
    for (const answer of answers) answer()
    await until(() => expect(hub.stats().connections).toBe(0))
  })

  test.each(ways)('%s while a page waits', async (_, leave) => {
    const { hub, port } = await world()
    const client = await dial(port, get(`/api/sse/page?wait=25000&after=${await hub.cursor()}`))
    await until(() => expect(hub.stats().phases).toEqual({ page: 1 }))
    leave(client.socket)
    await until(() => expect(hub.stats().connections).toBe(0))
  })

  test('the server ends the socket', async () => {
    const { hub, port, server } = await world()
    await Promise.all(numbers(3).map(() => dial(port, get('/api/sse/events'))))
    await until(() => expect(hub.stats().phases.live).toBe(3))
    server.closeAllConnections()
    await until(() => expect(hub.stats().connections).toBe(0))
  })

  test('the response is destroyed by the framework', async () => {
    const responses: http.ServerResponse[] = []
    const { hub, open } = await world({
      listener: (hub) => (req, res) => {
        responses.push(res)
        toNodeHandler(hub)(req, res)
      },
    })
    const stream = await open()
    await stream.first('hub.sync')
    responses[0]?.destroy()
    await until(() => expect(hub.stats().connections).toBe(0))
    expect(stream.ended).toBe('cut')
  })

  test('the response is ended by the framework: it is over, and nothing breaks', async () => {
    const responses: http.ServerResponse[] = []
    const { hub, open } = await world({
      listener: (hub) => (req, res) => {
        responses.push(res)
        toNodeHandler(hub)(req, res)
      },
    })
    const stream = await open()
    await stream.first('hub.sync')
    responses[0]?.end()
    // In the same turn: what is written now would stand after the end.
    await hub.publish(moved(1))
    await until(() => expect(hub.stats().connections).toBe(0))
    await until(() => expect(stream.ended).toBe('end'))
    expect(stream.of('card.moved')).toEqual([])
  })

  test('nothing is left unhandled', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    process.on('uncaughtException', unhandled)
    onTestFinished(() => {
      process.off('unhandledRejection', unhandled)
      process.off('uncaughtException', unhandled)
    })
    const { hub, port, post } = await world()
    for (const n of numbers(30)) {
      const client = await dial(port, get('/api/sse/events'))
      if (n % 3 === 0) await until(() => expect(client.text).toContain('hub.sync'))
      client.socket.resetAndDestroy()
      const half = await dial(
        port,
        'POST /api/sse/events HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n' +
          'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"half":',
      )
      half.socket.resetAndDestroy()
      await hub.publish(moved(n))
    }
    await until(() => expect(hub.stats().connections).toBe(0))
    expect((await post({ producer: 'producer-1', events: [] })).status).toBe(200)
    expect(unhandled).not.toHaveBeenCalled()
  })
})

describe('a Response that nobody reads', () => {
  test('holds its place for ten seconds, not longer', async () => {
    const clock = testClock()
    const { hub } = await world({ clock })
    const response = await hub.fetch(new Request('http://hub/api/sse/events'))
    expect(hub.stats().phases).toEqual({ waiting: 1 })
    await clock.advance(9_000)
    expect(hub.stats().connections).toBe(1)
    await clock.advance(1_001)
    expect(hub.stats().connections).toBe(0)
    await expect(response.text()).rejects.toThrow()
  })

  test('and one that is read elsewhere than on Node is the same stream', async () => {
    const { hub } = await world()
    const leave = new AbortController()
    const response = await hub.fetch(new Request('http://hub/api/sse/events', { signal: leave.signal }))
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader?.read())?.value).toContain('hub.sync')
    await hub.publish([moved(1), moved(2)])
    expect((await reader?.read())?.value?.match(/card.moved/g)?.length).toBe(2)
    hub.disconnect('u1')
    expect((await reader?.read())?.value).toContain('hub.bye')
    expect((await reader?.read())?.done).toBe(true)
    await until(() => expect(hub.stats().connections).toBe(0))
  })

  test('and may do what it likes with its chunks', async () => {
    const { hub } = await world()
    const after = await hub.cursor()
    const open = async (query = '') => {
      const { body } = await hub.fetch(new Request(`http://hub/api/sse/events?topics=board:7${query}`))
      return body?.getReader()
    }
    const [greedy, other] = [await open(), await open()]
    for (const reader of [greedy, other]) await reader?.read()
    await until(() => expect(hub.stats().phases).toEqual({ live: 2 }))
    await hub.publish(moved(1))
    structuredClone(0, { transfer: [(await greedy?.read())?.value?.buffer as ArrayBuffer] })
    const textOf = async (reader: typeof other) => new TextDecoder().decode((await reader?.read())?.value)
    expect(await textOf(other)).toContain('card.moved')
    const late = await open(`&after=${after}`)
    let text = ''
    while (!text.includes('card.moved')) text += await textOf(late)
  })

  test.each([
    ['as they are', {}, {}],
    ['in gzip', { compression: sharedGzip() }, { 'accept-encoding': 'gzip' }],
  ])('and gets those of all others where nobody does: %s', async (_, compressed, headers) => {
    const chunks = async (options: { sharedChunks?: boolean }) => {
      const { hub } = await world({ ...compressed, ...options })
      const open = async () => {
        const { body } = await hub.fetch(new Request('http://hub/api/sse/events?topics=board:7', { headers }))
        return body?.getReader()
      }
      const readers = [await open(), await open()]
      for (const reader of readers) await reader?.read()
      await until(() => expect(hub.stats().phases).toEqual({ live: 2 }))
      await hub.publish(moved(1))
      return Promise.all(readers.map(async (reader) => (await reader?.read())?.value?.buffer))
    }
    const [a, b] = await chunks({ sharedChunks: true })
    expect(a).toBeInstanceOf(ArrayBuffer)
    expect(a).toBe(b)
    const [own, other] = await chunks({})
    expect(own).not.toBe(other)
  })

  test('a reader that takes its time finds the good-bye all the same', async () => {
    const clock = testClock()
    const { hub } = await world({ clock })
    const { body } = await hub.fetch(new Request('http://hub/api/sse/events'))
    const reader = body?.getReader()
    const next = async () => new TextDecoder().decode((await reader?.read())?.value)
    expect(await next()).toContain('hub.sync')
    hub.disconnect('u1')
    await clock.advance(10_000)
    expect(await next()).toContain('hub.bye')
    expect((await reader?.read())?.done).toBe(true)
  })

  test('a request that is given up while the application thinks is no connection', async () => {
    const answers: (() => void)[] = []
    const { hub } = await world({
      authorize: () => new Promise((resolve) => void answers.push(() => resolve({ user: 'u1' }))),
    })
    const leave = new AbortController()
    const asked = hub.fetch(new Request('http://hub/api/sse/events', { signal: leave.signal }))
    await until(() => expect(answers.length).toBe(1))
    leave.abort()
    answers[0]?.()
    await asked
    expect(hub.stats().connections).toBe(0)
  })

  test.each(['cancel', 'abort'] as const)('%s ends it', async (way) => {
    const { hub } = await world()
    const leave = new AbortController()
    const response = await hub.fetch(new Request('http://hub/api/sse/events', { signal: leave.signal }))
    const reader = response.body?.getReader()
    await reader?.read()
    if (way === 'abort') leave.abort()
    else await reader?.cancel()
    await until(() => expect(hub.stats().connections).toBe(0))
    await hub.publish(moved(1))
  })
})

describe('frameworks', () => {
  /** What Express does to a request: strips the mount point, keeps `originalUrl`, and has `next`. */
  const mounted =
    (
      mount: string,
      handler: ReturnType<typeof toNodeHandler>,
      before?: (req: Express) => Promise<void>,
    ): RequestListener =>
    async (req, res) => {
      const asked = req as Express
      await before?.(asked)
      asked.originalUrl = asked.url ?? '/'
      if (mount !== '' && !asked.originalUrl.startsWith(mount)) return void res.writeHead(404).end('not ours')
      asked.url = asked.originalUrl.slice(mount.length) || '/'
      handler(asked, res, (error) => void res.writeHead(error ? 500 : 404).end(error ? String(error) : 'next'))
    }
  type Express = http.IncomingMessage & { originalUrl: string; url?: string; body?: unknown }
  /** What express.json() does. */
  const json = async (req: Express) => {
    if (req.method !== 'POST') return
    let text = ''
    for await (const part of req) text += part
    req.body = JSON.parse(text)
  }
  const batch = {
    producer: 'producer-1',
    events: [{ seq: 1, id: 'e1', type: 'theme.changed', data: { theme: 'dark' } }],
  }

  test.each([
    ['at the prefix', '/api/sse', '/api/sse/events'],
    ['at another path', '/realtime', '/realtime/events'],
    ['at the root', '', '/api/sse/events'],
  ])('mounted %s', async (_, mount, path) => {
    const { hub, open } = await world({ listener: (hub) => mounted(mount, toNodeHandler(hub)) })
    const stream = await open(path)
    await stream.first('hub.sync')
    await hub.publish(moved(1))
    await stream.first('card.moved')
  })

  test('at the root, what is not the hub’s goes on to the next', async () => {
    const { get } = await world({ listener: (hub) => mounted('', toNodeHandler(hub)) })
    expect((await get('/health')).body).toBe('next')
    expect((await get('/api/ssex/health')).body).toBe('next')
    expect((await get('/api/sse/health')).body).toEqual({ status: 'ok' })
    expect((await get('/api/sse/nothing')).body.error.code).toBe('not_found')
  })

  test('an absolute target, of which Express strips the mount point too', async () => {
    const mount = '/realtime'
    const { port } = await world({
      listener: (hub) => (req, res) => {
        const asked = req as Express
        asked.originalUrl = asked.url ?? ''
        asked.url = asked.originalUrl.replace(mount, '')
        toNodeHandler(hub)(asked, res)
      },
    })
    const client = await dial(port, get(`http://hub.example${mount}/health`))
    await until(() => expect(client.text).toContain('{"status":"ok"}'))
  })

  test('a body that express.json() has read', async () => {
    const { post } = await world({ listener: (hub) => mounted('', toNodeHandler(hub), json) })
    expect((await post(batch)).body.results[0].cursor).toMatch(/:1$/)
    const polluted = await post('{"producer":"producer-1","events":[],"__proto__":{}}')
    expect(polluted.body.error.code).toBe('malformed')
  })

  test('an empty `body` on a request that nobody has read is not taken for one', async () => {
    const { post } = await world({
      listener: (hub) =>
        mounted('', toNodeHandler(hub), async (req) => {
          req.body = {}
        }),
    })
    expect((await post(batch)).body.results[0].cursor).toMatch(/:1$/)
  })

  test('a raw body that a middleware has kept as bytes', async () => {
    const { post } = await world({
      listener: (hub) =>
        mounted('', toNodeHandler(hub), async (req) => {
          const parts: Buffer[] = []
          for await (const part of req) parts.push(part)
          req.body = Buffer.concat(parts)
        }),
    })
    expect((await post(batch)).body.results[0].cursor).toMatch(/:1$/)
  })

  test('a middleware that compresses, and so wraps `write`, is written through and flushed', async () => {
    const { hub, port } = await world({
      listener: (hub) => (req, res) => {
        const gzip = createGzip()
        const [write, end] = [res.write.bind(res), res.end.bind(res)]
        gzip.on('data', (bytes) => void write(bytes))
        gzip.on('end', () => void end())
        res.setHeader('content-encoding', 'gzip')
        Object.assign(res, {
          write: (bytes: Uint8Array) => gzip.write(bytes),
          end: () => gzip.end(),
          flush: () => gzip.flush(),
        })
        toNodeHandler(hub)(req, res)
      },
    })
    let text = ''
    const asking = http.get({ host: '127.0.0.1', port, path: '/api/sse/events', agent: false }, (response) => {
      const gunzip = createGunzip()
      gunzip.on('data', (bytes) => {
        text += bytes
      })
      response.pipe(gunzip).on('error', () => {})
      response.on('error', () => {})
    })
    asking.on('error', () => {})
    onTestFinished(() => void asking.destroy())
    await until(() => expect(text).toContain('hub.sync'))
    await hub.publish(moved(1))
    await until(() => expect(text).toContain('card.moved'))
    asking.destroy()
    await until(() => expect(hub.stats().connections).toBe(0))
  })

  test('a framework that calls hub.fetch itself writes the Response with writeResponse', async () => {
    const { hub } = await world()
    const { port } = await listen((req, res) => {
      void hub
        .fetch(new Request(`http://hub${req.url}`))
        .then((response) => new Response(response.body, response))
        .then((response) => writeResponse(response, res))
    })
    const client = await dial(port, get('/api/sse/events'))
    await until(() => expect(client.text).toContain('hub.sync'))
    client.socket.destroy()
    await until(() => expect(hub.stats().connections).toBe(0))
    const health = await dial(port, get('/api/sse/health'))
    await until(() => expect(health.text).toContain('{"status":"ok"}'))
  })

  test('several cookies that a middleware has added stay several', async () => {
    const { hub } = await world()
    const { port } = await listen(async (_, res) => {
      const response = await hub.fetch(new Request('http://hub/api/sse/health'))
      for (const cookie of ['a=1', 'b=2']) response.headers.append('set-cookie', cookie)
      await writeResponse(response, res)
    })
    const client = await dial(port, get('/'))
    await until(() => expect(client.text).toContain('{"status":"ok"}'))
    expect(client.text.match(/set-cookie: .*/gi)).toEqual(['set-cookie: a=1', 'set-cookie: b=2'])
  })

  test('HEAD of a stream says no length, as GET does not', async () => {
    const { port } = await world()
    const client = await dial(port, get('/api/sse/events').replace('GET', 'HEAD'))
    await until(() => expect(client.text).toContain('\r\n\r\n'))
    expect(client.text).toMatch(/text\/event-stream/)
    expect(client.text).not.toMatch(/content-length/i)
  })
})

describe('a target in absolute form, as a proxy may send it (RFC 9112, §3.2.2)', () => {
  const post = (target: string, host: string, origin: string) => {
    const body = JSON.stringify({ producer: 'producer-1', events: [] })
    return (
      `POST ${target} HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    )
  }

  test('is answered as its path is', async () => {
    const { hub, port } = await world()
    const stream = await dial(port, get('http://hub.example/api/sse/events?topics=news'))
    await until(() => expect(stream.text).toContain('"topics":["news"]'))
    await hub.publish({ type: 'news.said', topic: 'news', data: { text: 'a' } })
    await until(() => expect(stream.text).toContain('news.said'))
    for (const [target, answer] of [
      ['HTTP://127.0.0.1:80/api/sse/health', '{"status":"ok"}'],
      ['https://hub.example/health', '{"status":"ok"}'],
      ['http://hub.example', '"not_found"'],
      ['http://hub.example?/health', '"not_found"'],
      ['http://hub.example//evil.example/api/sse/health', '"not_found"'],
    ] as const) {
      const client = await dial(port, get(target))
      await until(() => expect(client.text).toContain(answer))
    }
  })

  test('names the host, whatever the header says', async () => {
    const { port } = await world()
    const [own, foreign] = [
      await dial(port, post('http://hub.example/api/sse/events', 'evil.example', 'http://hub.example')),
      await dial(port, post('http://hub.example/api/sse/events', 'evil.example', 'http://evil.example')),
    ]
    await until(() => expect(own.text).toMatch(/^HTTP\/1.1 200 /))
    await until(() => expect(foreign.text).toMatch(/^HTTP\/1.1 403 /))
  })
})

test('an http2 stream that is reset while the hub thinks is no connection to who writes the Response itself', async () => {
  const { hub } = await world()
  const asked: (() => Promise<void>)[] = []
  const responses: http2.Http2ServerResponse[] = []
  const server = http2.createServer(async (req, res) => {
    const response = await hub.fetch(new Request(`http://hub${req.url}`))
    responses.push(res)
    asked.push(() => writeResponse(response, res))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    session.destroy()
    server.close()
  })
  const stream = session.request({ ':path': '/api/sse/events' })
  stream.on('error', () => {})
  await until(() => expect(hub.stats().phases).toEqual({ waiting: 1 }))
  stream.close(http2.constants.NGHTTP2_CANCEL)
  await until(() => expect(responses[0]?.stream.destroyed).toBe(true))
  await asked[0]?.()
  expect(hub.stats().connections).toBe(0)
})

describe('requests that are none', () => {
  test.each([
    ['a host with a path in it', 'GET /nothing HTTP/1.1\r\nHost: h/api/sse/health?\r\n\r\n', '400'],
    ['a host with a user in it', 'GET /api/sse/health HTTP/1.1\r\nHost: app.example@evil.example\r\n\r\n', '400'],
    ['a host with a fragment in it', 'GET /api/sse/events HTTP/1.1\r\nHost: h/api/sse/health#\r\n\r\n', '400'],
    ['a host that is none', 'GET /api/sse/health HTTP/1.1\r\nHost: a b\r\n\r\n', '400'],
    ['a path that looks like a host', get('//evil.example/api/sse/health'), '404'],
    ['no host', 'GET /health HTTP/1.1\r\nHost: \r\n\r\n', '400'],
    ['an absolute target without a host', get('http:///health'), '400'],
    ['an absolute target with a user', get('http://u@h/api/sse/health'), '400'],
    ['an absolute target of another sort', get('ftp://127.0.0.1/api/sse/health'), '404'],
    ['an asterisk', get('*'), '404'],
    ['a method that fetch forbids', 'TRACE /api/sse/health HTTP/1.1\r\nHost: h\r\n\r\n', '400'],
  ])('%s', async (_, text, status) => {
    const { port } = await world()
    const client = await dial(port, text)
    await until(() => expect(client.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `)))
  })
})
