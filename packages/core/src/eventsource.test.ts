// The processing model of the HTML standard's EventSource, behaviour by behaviour, on a server that is no hub: ours beside the npm package `eventsource`.
import { readFileSync } from 'node:fs'
import { EventSource as Reference } from 'eventsource'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { record } from './eventsource/fixtures/recorder.ts'
import { HubEventSource } from './eventsource.ts'
import { type Answer, openStream, scriptedServer, until } from './fixtures/scripted-server.ts'
import { virtualClock } from './testing/virtual-clock.ts'

const serve = (answer: Answer) => scriptedServer(virtualClock(), answer)
const streaming =
  (...texts: readonly string[]): Answer =>
  (response) =>
    openStream(response, ...texts)
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end()

type Make = (url: string | URL) => EventSource
const readers: readonly (readonly [string, Make])[] = [
  ['reference', (url) => new Reference(url) as EventSource],
  ['HubEventSource', (url) => new HubEventSource(url)],
]

describe.each(readers)('%s', (_, make) => {
  describe('construction', () => {
    test.each(['http://', '/relative/without/a/page', ''])('%j is a SyntaxError', (url) => {
      expect(() => make(url)).toThrow(expect.objectContaining({ name: 'SyntaxError', constructor: DOMException }))
    })

    test('the URL is serialized, the state CONNECTING, and nothing is told yet', async () => {
      const server = await serve(streaming())
      const source = make(new URL('../x/./y?q=ä#part', server.url))
      const heard = record(source)
      expect(source.url).toBe(`${new URL(server.url).origin}/x/y?q=%C3%A4#part`)
      expect([source.readyState, source.withCredentials]).toEqual([0, false])
      expect([source.CONNECTING, source.OPEN, source.CLOSED]).toEqual([0, 1, 2])
      expect([source.onopen, source.onmessage, source.onerror]).toEqual([null, null, null])
      expect(source).toBeInstanceOf(EventTarget)
      expect(heard).toEqual([])
    })

    test('the request', async () => {
      const server = await serve(streaming())
      const heard = record(make(`${server.url}?a=1#part`))
      await until(() => heard.length > 0)
      const [{ method, url, headers } = expect.fail()] = server.arrivals
      expect([method, url]).toEqual(['GET', '/api/sse?a=1'])
      expect(headers).toMatchObject({ accept: 'text/event-stream', 'cache-control': 'no-cache' })
      expect(headers).not.toHaveProperty('last-event-id')
    })
  })

  const OPEN = ['open', 1]
  const message = (data: string, id = '') => ['message', 1, data, id]

  describe('the stream', () => {
    const table: readonly (readonly [string, string, readonly unknown[]])[] = [
      ['the default type is message', 'data: x\n\n', [message('x')]],
      ['event: names the type', 'event: named\ndata: x\n\n', [['named', 1, 'x', '']]],
      ['the last event: counts', 'event: other\nevent: named\ndata: x\n\n', [['named', 1, 'x', '']]],
      ['an empty event: is message', 'event: named\nevent:\ndata: x\n\n', [message('x')]],
      ['a type lasts for one block', 'event: named\ndata: x\n\ndata: y\n\n', [['named', 1, 'x', ''], message('y')]],
      ['a block without data tells nothing', 'event: named\n\ndata: y\n\n', [message('y')]],
      ['an empty data line tells an empty text', 'data\n\ndata:\n\n', [message(''), message('')]],
      ['lines of data are joined', 'data: a\ndata\ndata:  b\n\n', [message('a\n\n b')]],
      ['an id stays', 'id: 7\ndata: a\n\ndata: b\n\n', [message('a', '7'), message('b', '7')]],
      ['an id without data counts', 'id: 7\n\ndata: b\n\n', [message('b', '7')]],
      ['an empty id resets', 'id: 7\ndata: a\n\nid\ndata: b\n\n', [message('a', '7'), message('b')]],
      ['an id with NUL is ignored', 'id: 7\ndata: a\n\nid: 8\0\ndata: b\n\n', [message('a', '7'), message('b', '7')]],
      ['an id beyond Latin-1', 'id: é漢\ndata: a\n\n', [message('a', 'é漢')]],
      ['comments and unknown fields', ':x\nfoo: bar\n data: no\nData: no\n: data: no\ndata: a\n\n', [message('a')]],
      ['CR, LF and CRLF', 'data: a\rdata: b\r\ndata: c\n\r\ndata: d\r\r', [message('a\nb\nc'), message('d')]],
      ['one BOM is skipped', '\uFEFFdata: a\n\n', [message('a')]],
      ['what is no UTF-8', 'data: \uFFFD漢😀\n\n', [message('\uFFFD漢😀')]],
      ['a retry: of other than digits is ignored', 'retry: 5s\nretry: -1\ndata: a\n\n', [message('a')]],
      [
        'types of its own',
        'event: open\ndata: a\n\nevent: error\ndata: b\n\n',
        [
          ['open', 1, 'a', ''],
          ['error', 1, 'b', ''],
        ],
      ],
      ['any text is told as it came', 'data: {"a" :1.0,\ndata: "a":2}\n\n', [message('{"a" :1.0,\n"a":2}')]],
    ]

    test.each(table)('%s', async (_, text, expected) => {
      const server = await serve(streaming(`${text}event: end\ndata\n\n`))
      const heard = record(make(server.url), 'named', 'end')
      await until(() => heard.some(([type]) => type === 'end'))
      expect(heard.slice(0, -1)).toEqual([OPEN, ...expected])
    })

    test('the same, byte by byte', async () => {
      const bytes = Buffer.from(`${table.map(([, text]) => `id\n\n${text}`).join('')}event: end\ndata\n\n`)
      const server = await serve((response) => {
        openStream(response)
        const rest = bytes.values()
        const next = () => {
          const { done, value } = rest.next()
          if (!done) response.write(Uint8Array.of(value), () => setImmediate(next))
        }
        next()
      })
      const heard = record(make(server.url), 'named', 'end')
      await until(() => heard.some(([type]) => type === 'end'))
      // A BOM is one only at the beginning: in the middle it makes the line's field unknown.
      const told = table.filter(([name]) => name !== 'one BOM is skipped').flatMap(([, , expected]) => expected)
      expect(heard.slice(0, -1)).toEqual([OPEN, ...told])
    })

    test('origin is that of the URL', async () => {
      const server = await serve(streaming('data: x\n\n'))
      const source = make(server.url)
      const [event] = await new Promise<[MessageEvent]>((resolve) => {
        source.onmessage = (event) => resolve([event])
      })
      expect(event.origin).toBe(new URL(server.url).origin)
      source.close()
    })

    test.each([301, 302, 303, 307, 308])('a %i is followed, and origin is where it led', async (code) => {
      const last = await serve(streaming('data: x\n\n'))
      const first = await serve(status(code, { location: last.url }))
      const source = make(first.url)
      const [event] = await new Promise<[MessageEvent]>((resolve) => {
        source.onmessage = (event) => resolve([event])
      })
      expect(event.origin).toBe(new URL(last.url).origin)
      expect(source.url).toBe(first.url)
      source.close()
    })
  })

  test('a content type may have parameters', async () => {
    const server = await serve((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=latin1' }).write('data: é\n\n')
    })
    const heard = record(make(server.url))
    await until(() => heard.length === 2)
    expect(heard).toEqual([OPEN, message('é')])
  })

  describe('reconnection', () => {
    test('after the end: error while CONNECTING, then open again, with the last id; half a block is forgotten', async () => {
      const server = await serve((response, { headers }, n) => {
        const [text, id] = [['retry: 1\nid: é漢\ndata: 0\n\nid: no\ndata: half'], headers['last-event-id']]
        if (n === 0) response.writeHead(200, { 'content-type': 'text/event-stream' }).end(text[0])
        else openStream(response, `data: ${Buffer.from(String(id), 'latin1')}\n\n`)
      })
      const heard = record(make(server.url))
      await until(() => heard.length === 5)
      expect(heard).toEqual([OPEN, message('0', 'é漢'), ['error', 0], OPEN, message('é漢', 'é漢')])
    })

    test('an id without data is where it resumes, and none is sent after it was reset', async () => {
      const server = await serve((response, _, n) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('retry: 1\n')
        if (n < 2) response.end(n === 0 ? 'id: 7\n\n' : 'id\ndata: x\n\n')
      })
      make(server.url).addEventListener('message', function (this: EventSource) {
        onTestFinished(() => this.close())
      })
      await until(() => server.arrivals.length === 3)
      expect(server.arrivals.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '7', undefined])
    })

    test('a cut connection is one that ended', async () => {
      const server = await serve((response, _, n) => {
        openStream(response, 'retry: 1\ndata: x\n\n')
        if (n === 0) setImmediate(() => response.destroy())
      })
      const heard = record(make(server.url))
      await until(() => heard.length >= 5)
      expect(heard).toEqual([OPEN, message('x'), ['error', 0], OPEN, message('x')])
    })

    test('a server that is not there is asked again', async () => {
      const server = await serve(streaming())
      await server.close()
      const source = make(server.url)
      const heard = record(source)
      await until(() => heard.length > 0)
      expect(heard).toEqual([['error', 0]])
    })

    test.each([204, 400, 401, 403])('%i ends it for good', async (code) => {
      vi.spyOn(console, 'error').mockReturnValue()
      const server = await serve(status(code))
      const heard = record(make(server.url))
      await until(() => heard.length > 0)
      expect(heard).toEqual([['error', 2]])
    })
  })

  describe('close()', () => {
    test('ends the connection; may be called twice; nothing follows', async () => {
      let isOver = false
      const server = await serve((response) => {
        response.on('close', () => {
          isOver = true
        })
        openStream(response, 'data: x\n\n')
      })
      const source = make(server.url)
      const heard = record(source)
      await until(() => heard.length === 2)
      source.close()
      source.close()
      expect(source.readyState).toBe(2)
      await until(() => isOver)
      expect(heard).toEqual([OPEN, message('x')])
    })

    test('within a handler: the rest of what has come is not told', async () => {
      const server = await serve(streaming('data: 1\n\ndata: 2\n\ndata: 3\n\n'))
      const source = make(server.url)
      const heard = record(source)
      source.addEventListener('message', ({ data }) => data === '2' && source.close())
      await until(() => source.readyState === 2)
      expect(heard).toEqual([OPEN, message('1'), message('2')])
    })

    test('while it waits to try again', async () => {
      const server = await serve(status(200, { 'content-type': 'text/event-stream' }))
      const source = make(server.url)
      const heard = record(source)
      source.onerror = () => source.close()
      await until(() => source.readyState === 2)
      expect(heard).toEqual([OPEN, ['error', 0]])
      expect(server.arrivals.length).toBe(1)
    })
  })

  describe('listeners', () => {
    test('one that throws is reported, and the others hear', async () => {
      const reported: unknown[] = []
      const own = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.on('uncaughtException', (error) => reported.push(error))
      onTestFinished(() => {
        process.removeAllListeners('uncaughtException')
        for (const listener of own) process.on('uncaughtException', listener)
      })
      const server = await serve(streaming('data: 1\n\ndata: 2\n\n'))
      const source = make(server.url)
      source.onmessage = ({ data }) => {
        throw data
      }
      const heard = record(source)
      await until(() => heard.length === 3 && reported.length === 2)
      expect(heard).toEqual([OPEN, message('1'), message('2')])
      expect(reported).toEqual(['1', '2'])
    })

    test('once, signal, handleEvent, removal, and events of the application', async () => {
      const server = await serve(streaming('data: 1\n\ndata: 2\n\n'))
      const source = make(server.url)
      const calls: string[] = []
      const controller = new AbortController()
      const removed = () => calls.push('removed')
      source.addEventListener('message', ({ data }) => calls.push(`once ${data}`), { once: true })
      source.addEventListener('message', ({ data }) => calls.push(`signal ${data}`) && controller.abort(), controller)
      source.addEventListener('message', {
        handleEvent: (event) => calls.push(`object ${(event as MessageEvent).data}`),
      })
      source.addEventListener('message', removed)
      source.removeEventListener('message', removed)
      source.addEventListener('mine', (event) => event.preventDefault())
      expect(source.dispatchEvent(new Event('mine', { cancelable: true }))).toBe(false)
      const heard = record(source)
      await until(() => heard.length === 3)
      expect(calls).toEqual(['once 1', 'signal 1', 'object 1', 'object 2'])
    })

    test('a handler attribute is called with the source as this, and null or a non-function removes it', async () => {
      const server = await serve(streaming())
      const source = make(server.url)
      const calls: unknown[] = []
      source.onopen = function () {
        calls.push(this)
      }
      const never = () => calls.push('never')
      source.onmessage = never
      expect(source.onmessage).toBe(never)
      source.onmessage = null
      expect(source.onmessage).toBe(null)
      source.dispatchEvent(new Event('message'))
      const heard = record(source)
      await until(() => heard.length > 0)
      expect(calls).toEqual([source])
    })
  })
})

describe('HubEventSource, where the reference knows no better or has decided otherwise', () => {
  test('a relative URL is read from the base of its environment', async () => {
    const server = await serve(streaming())
    // Where the fetch of Node keeps the base URL that a browser has from its page.
    const base = Symbol.for('undici.globalOrigin.1')
    Object.defineProperty(globalThis, base, { value: new URL(server.url), configurable: true })
    onTestFinished(() => void Reflect.deleteProperty(globalThis, base))
    const source = new HubEventSource('stream?x')
    const heard = record(source)
    expect(source.url).toBe(new URL('stream?x', server.url).href)
    await until(() => heard.length > 0)
    expect(server.arrivals[0]?.url).toBe('/api/stream?x')
  })

  test('a handler that replaces another stands where that stood; one that comes after null stands last', () => {
    const source = new HubEventSource('http://127.0.0.1:9/')
    source.close()
    const calls: string[] = []
    const said = () => {
      source.dispatchEvent(new Event('message'))
      return calls.splice(0)
    }
    source.onmessage = () => calls.push('first')
    source.addEventListener('message', () => calls.push('listener'))
    expect(said()).toEqual(['first', 'listener'])
    source.onmessage = () => calls.push('second')
    expect(said()).toEqual(['second', 'listener'])
    source.onmessage = null
    source.onmessage = () => calls.push('third')
    expect(said()).toEqual(['listener', 'third'])
    source.onmessage = 'none' as never
    expect([said(), source.onmessage]).toEqual([['listener'], null])
  })

  test('a password in the URL is a SyntaxError, since fetch refuses it', () => {
    expect(() => new HubEventSource('http://me:secret@127.0.0.1/')).toThrow(
      expect.objectContaining({ name: 'SyntaxError' }),
    )
  })

  test('an error says why', async () => {
    const server = await serve(status(503))
    const source = new HubEventSource(server.url)
    const error = await new Promise<unknown>((resolve) => {
      source.onerror = (event) => resolve('error' in event && event.error)
    })
    source.close()
    expect(error).toMatchObject({ name: 'HubError', code: 'http', details: { status: 503 } })
  })

  test('retry: is how long it waits at most', async () => {
    vi.resetModules()
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { HubEventSource } = await import('./eventsource.ts')
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const server = await serve((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('retry: 8000\n')
    })
    let asked = 0
    const counting = (url: string, init: RequestInit) => {
      asked++
      return fetch(url, init)
    }
    const heard = record(new HubEventSource(server.url, { fetch: counting }))
    vi.runOnlyPendingTimers()
    vi.runOnlyPendingTimers()
    await until(() => heard.length === 2)
    expect(heard).toEqual([
      ['open', 1],
      ['error', 0],
    ])
    await vi.advanceTimersByTimeAsync(3_999)
    expect(asked).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(asked).toBe(2)
  })

  test('closed at once, it asks for nothing', async () => {
    const server = await serve(streaming())
    new HubEventSource(server.url).close()
    const heard = record(new HubEventSource(`${server.url}?later`))
    await until(() => heard.length > 0)
    expect(server.arrivals.map(({ url }) => url)).toEqual(['/api/sse?later'])
  })

  test('a second BOM is no BOM', async () => {
    const server = await serve(streaming('\uFEFF\uFEFFdata: a\n\ndata: b\n\n'))
    const heard = record(new HubEventSource(server.url))
    await until(() => heard.length === 2)
    expect(heard[1]).toEqual(['message', 1, 'b', ''])
  })

  test('withCredentials is the credentials mode; headers and fetch are as given', async () => {
    const server = await serve(streaming())
    const inits: RequestInit[] = []
    const options = {
      headers: ({ refresh }: { refresh: boolean }) => ({ authorization: refresh ? 'fresh' : 'stale' }),
      // As an application passes the global one: it must not be called as somebody's method.
      fetch(this: unknown, url: string, init: RequestInit) {
        expect(this).toBe(undefined)
        inits.push(init)
        return fetch(url, init)
      },
    }
    server.answer((response, arrival, n) => {
      if (arrival.headers.authorization === 'stale') status(401)(response, arrival, n)
      else streaming()(response, arrival, n)
    })
    const sources = [true, false].map(
      (withCredentials) => new HubEventSource(server.url, { ...options, withCredentials }),
    )
    const heard = sources.map((source) => record(source))
    await until(() => heard.every(({ length }) => length > 0))
    expect(sources.map(({ withCredentials }) => withCredentials)).toEqual([true, false])
    expect(heard).toEqual([[['open', 1]], [['open', 1]]])
    expect(new Set(inits.map(({ credentials }) => credentials))).toEqual(new Set(['include', 'same-origin']))
  })

  test('every source has its own connection', async () => {
    const server = await serve((response, _, n) => openStream(response, `data: ${n}\n\n`))
    const heard = [1, 2].map(() => record(new HubEventSource(server.url)))
    await until(() => heard.every(({ length }) => length === 2))
    expect(heard.map(([, event]) => event?.[2]).sort()).toEqual(['0', '1'])
  })

  test('a server may keep even its headers back for a minute', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    let open = () => {}
    const server = await serve((response) => {
      open = () => openStream(response, 'data: x\n\n')
    })
    const heard = record(new HubEventSource(server.url))
    vi.runOnlyPendingTimers()
    vi.runOnlyPendingTimers()
    await until(() => server.arrivals.length === 1)
    vi.advanceTimersByTime(60_000)
    open()
    await until(() => heard.length === 2)
    expect(heard).toEqual([
      ['open', 1],
      ['message', 1, 'x', ''],
    ])
  })

  const refusals: readonly (readonly [string, number, Record<string, string>])[] = [
    ['404', 404, {}],
    ['500', 500, {}],
    ['a content type that is no stream', 200, { 'content-type': 'text/html' }],
  ]
  test.each(refusals)('%s is tried again, where the standard gives up', async (_, code, headers) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const server = await serve((response, arrival, n) =>
      n < 2 ? status(code, headers)(response, arrival, n) : openStream(response),
    )
    const native = record(new Reference(server.url) as EventSource)
    await until(() => native.length > 0)
    expect(native).toEqual([['error', 2]])
    const heard = record(new HubEventSource(server.url))
    vi.runOnlyPendingTimers()
    vi.runOnlyPendingTimers()
    await until(() => heard.length === 1)
    vi.advanceTimersByTime(1_000)
    await until(() => heard.length === 2)
    expect(heard).toEqual([
      ['error', 0],
      ['open', 1],
    ])
  })
})

test('the table in docs/eventsource.md names tests that there are', () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
  const tests = read('./eventsource.test.ts') + read('./eventsource-hub.test.ts')
  const rows = read('../../../docs/eventsource.md').matchAll(/^\|.*\|(?<last>[^|]+)\|$/gm)
  const names = [...rows].flatMap(({ groups }) =>
    [...(groups?.last ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name),
  )
  expect(names.length).toBeGreaterThan(40)
  expect(names.filter((name) => !tests.includes(`'${name}'`))).toEqual([])
})
