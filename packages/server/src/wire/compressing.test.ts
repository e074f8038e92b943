// Compression that is paid once: what a hub sends in gzip is, batch by batch and at its end, the stream as it would have been, and nobody compresses it twice.
import { randomBytes } from 'node:crypto'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { getDefaultHighWaterMark } from 'node:stream'
import { crc32, createGunzip, deflateRawSync, type Gunzip, gunzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listen, numbers, until, world } from '../fixtures/world.ts'
import { sharedGzip } from '../gzip.ts'
import { memoryLog } from '../logs/memory.ts'
import { toNodeHandler, writeResponse } from '../node.ts'
import type { Outlet, Sink } from './body.ts'
import { acceptsGzip, type Compression, compressing, createCompressor } from './compressing.ts'
import { createJoiner, type Frame, frameOf, joinFrames } from './frames.ts'

const gzip = { 'accept-encoding': 'gzip' }
const moved = (n: number) => ({ type: 'card.moved' as const, topic: 'board:7' as const, data: { n } })
const said = (n: number, text: string) => ({
  type: 'news.said' as const,
  topic: 'news' as const,
  data: { text: `${n} ${text}` },
})

/** Gzip that counts how often it deflates. */
function counted(): { compression: Compression; count: { deflated: number } } {
  const plain = sharedGzip()
  const count = { deflated: 0 }
  const deflate = (bytes: Uint8Array) => {
    count.deflated++
    return plain.deflate(bytes)
  }
  return { compression: { ...plain, deflate }, count }
}

/** Ends the turn at once, so that there is always time to compress. */
const atOnce = { soon: (callback: () => void) => callback() }

/** The sink of one compressed connection, and all that has come out of it, write by write. */
function through(compression: Compression = sharedGzip(), { soon } = atOnce) {
  const writes: Uint8Array[] = []
  const did: string[] = []
  const calls: string[] = []
  let sink: Sink | undefined
  const outlet: Outlet = {
    attach(to) {
      sink = to
    },
    drained: () => void calls.push('drained'),
    closed: () => void calls.push('closed'),
  }
  const compressed = compressing(outlet, createCompressor(compression, { soon }))
  compressed.attach({
    write(frame) {
      writes.push(frame.bytes)
      return did.length === 0
    },
    end: () => void did.push('end'),
    destroy: () => void did.push('destroy'),
    pending: 17,
  })
  if (!sink) throw new Error('nothing was attached')
  return { sink, compressed, writes, did, calls }
}

/** Feeds bytes one by one, and answers what can be read then. */
async function feed(gunzip: Gunzip, bytes: Uint8Array): Promise<string> {
  for (const byte of bytes)
    await new Promise<void>((resolve) => void gunzip.write(Uint8Array.of(byte), () => resolve()))
  const parts: Buffer[] = []
  for (let part = gunzip.read(); part; part = gunzip.read()) parts.push(part)
  return Buffer.concat(parts).toString()
}

/** The same dice every time. */
function dice(seed: number) {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Text of a length, of one of three sorts: repetitive, like prose, like noise. */
function makeText(roll: (below: number) => number, length: number): string {
  const words = ['board', 'é漢😀', 'moved to', '{"n":', '\n\n', 'id: k3x:12', 'done']
  const sort = roll(3)
  let text = ''
  while (text.length < length)
    text += sort === 0 ? 'x' : sort === 1 ? words[roll(words.length)] : String.fromCharCode(32 + roll(90))
  return text
}

describe('the format', () => {
  test.each(numbers(20))(
    'gunzip gives back exactly what was written, batch by batch, byte by byte (%i)',
    async (seed) => {
      const roll = dice(seed)
      const { sink, writes, did } = through()
      const gunzip = createGunzip()
      const lengths = [0, 1, 40, 95, 96, 97, 200, 1_000, 5_000]
      for (const _ of numbers(roll(12))) {
        const frames = numbers(1 + roll(4)).map(() => frameOf(makeText(roll, lengths[roll(lengths.length)] ?? 0)))
        const batch = joinFrames(frames)
        sink.write(batch)
        expect(await feed(gunzip, writes.at(-1) ?? new Uint8Array())).toBe(Buffer.from(batch.bytes).toString())
      }
      const before = writes.length
      sink.end()
      expect(did).toEqual(['end'])
      const ended = new Promise((resolve, reject) => gunzip.on('end', resolve).on('error', reject))
      expect(await feed(gunzip, Buffer.concat(writes.slice(before)))).toBe('')
      gunzip.end()
      gunzip.resume()
      await ended
    },
  )

  test('a batch of any size, in one write', () => {
    const { sink, writes } = through()
    const text = randomBytes(300_000).toString('base64')
    for (const length of [400_000, 65_536, 16_384, 3]) sink.write(frameOf(text.slice(0, length)))
    expect(writes.length).toBe(4)
    sink.end()
    expect(gunzipSync(Buffer.concat(writes)).length).toBe(400_000 + 65_536 + 16_384 + 3)
  })

  test('what a turn of the event loop has no time for is stored, and the next turn compresses again', () => {
    const { compression, count } = counted()
    let endTurn = () => {}
    const soon = (callback: () => void) => {
      endTurn = callback
    }
    const { sink, writes } = through(compression, { soon })
    const sizes = [200_000, 200_000, 200_000, 200_000, 65_535, 65_536, 131_071]
    const batches = sizes.map((size) => frameOf('every batch of this is compressible '.repeat(5_556).slice(0, size)))
    for (const batch of batches) sink.write(batch)
    // Three, until half a megabyte is spent.
    expect(count.deflated).toBe(3)
    expect(writes.slice(3).map(({ length }) => length)).toEqual([200_020, 65_540, 65_546, 131_086])
    endTurn()
    const next = frameOf('the next turn '.repeat(100))
    sink.write(next)
    expect(count.deflated).toBe(4)
    sink.end()
    const plain = Buffer.concat([...batches, next].map(({ bytes }) => bytes))
    expect(gunzipSync(Buffer.concat(writes)).equals(plain)).toBe(true)
  })

  test('each batch stands alone: it can be read without what went before', () => {
    const [one, other] = [through(), through()]
    const event = frameOf(`data: ${'the same event over and over '.repeat(20)}\n\n`)
    for (const _ of numbers(5)) one.sink.write(event)
    other.sink.write(frameOf('something else'))
    other.sink.write(event)
    expect(one.writes[4]).toBe(other.writes[1])
    for (const { sink } of [one, other]) sink.end()
    expect(gunzipSync(Buffer.concat(one.writes)).length).toBe(5 * event.bytes.length)
    expect(gunzipSync(Buffer.concat(other.writes)).length).toBe(14 + event.bytes.length)
  })

  test('what is small costs five bytes and is not deflated', () => {
    const { compression, count } = counted()
    const { sink, writes } = through(compression)
    sink.write(frameOf('event: hub.sync\n\n'))
    const beat = frameOf('event: hub.beat\nid: k3x9abcd:12345\ndata:\n\n')
    sink.write(beat)
    expect(writes[1]?.length).toBe(beat.bytes.length + 5)
    expect(count.deflated).toBe(0)
  })

  test('a stream that ends before it has begun is empty, and whole', () => {
    const { sink, writes } = through()
    sink.end()
    expect(gunzipSync(Buffer.concat(writes)).length).toBe(0)
  })

  test('a stream that is cut has no trailer', () => {
    const { sink, writes, did } = through()
    sink.write(frameOf('event: hub.sync\n\n'))
    sink.destroy()
    expect(did).toEqual(['destroy'])
    expect(() => gunzipSync(Buffer.concat(writes))).toThrow('unexpected end of file')
  })

  test('what else sinks and outlets say passes through', () => {
    const { sink, compressed, calls } = through()
    expect(sink.pending).toBe(17)
    expect(sink.write(frameOf('a'))).toBe(true)
    sink.end()
    expect(sink.write(frameOf('a'))).toBe(false)
    compressed.drained()
    compressed.closed()
    expect(calls).toEqual(['drained', 'closed'])
  })
})

describe('sharing', () => {
  const events = numbers(6).map((n) => frameOf(`event: card.moved\nid: k3x:${n}\ndata: ${'.'.repeat(100 + n)}\n\n`))

  test('a frame is compressed once, with its chunk', () => {
    const { compression, count } = counted()
    const sinks = numbers(100).map(() => through(compression))
    for (const { sink } of sinks) for (const event of events) sink.write(event)
    expect(count.deflated).toBe(events.length)
  })

  test('so is what connections join, also where several groups of them take turns', () => {
    const { compression, count } = counted()
    const sinks = numbers(100).map(() => through(compression))
    const groups = [events, events.slice(2), events.slice(0, 2), events.slice(0, 5)]
    for (const turn of numbers(3)) {
      const join = createJoiner()
      for (const [at, { sink }] of sinks.entries()) sink.write(join(groups[at % groups.length] as Frame[]))
      expect(count.deflated).toBe(groups.length * turn)
    }
  })
})

describe('what a client accepts', () => {
  test.each([
    [null, false],
    ['', false],
    ['gzip', true],
    ['GZIP', true],
    ['x-gzip', true],
    ['gzip, deflate, br, zstd', true],
    ['br, deflate', false],
    ['deflate, gzip;q=1.0, *;q=0.5', true],
    ['gzip;q=0', false],
    ['gzip; q=0', false],
    ['gzip;q=0.000', false],
    ['gzip;q=0.001', true],
    ['gzip ; Q=0.5', true],
    ['gzip;level=9;q=0', false],
    ['*', true],
    ['*;q=0', false],
    ['*;q=0, gzip', true],
    ['*, gzip;q=0', false],
    ['br;q=1, *;q=0.1', true],
    ['identity', false],
    ['identity;q=0', false],
    ['identity;q=0, gzip', true],
    ['identity;q=0, *', true],
    ['identity;q=0, br', false],
    ['identity, gzip', true],
    ['identity;q=1, gzip;q=0.5', false],
    ['identity;q=0.5, gzip;q=0.5', true],
    ['identity;q=0.5, gzip;q=0.8', true],
    ['gzip;q=0.8', true],
    ['gzip;q=high', false],
    ['gzip;q=2', false],
    ['gzip;q=-1', false],
    ['gzip;q=', false],
    ['notgzip, gzipped', false],
    [', gzip,', true],
  ])('%j: %j', (header, accepts) => {
    expect(acceptsGzip(header)).toBe(accepts)
  })

  test.each([
    ['gzip', 'gzip'],
    ['gzip;q=0', undefined],
    ['identity;q=0', undefined],
  ])('over HTTP, %j: %j', async (accepted, encoding) => {
    const { hub, open } = await world({ compression: sharedGzip() })
    const stream = await open(undefined, { 'accept-encoding': accepted })
    expect(stream.headers['content-encoding']).toBe(encoding)
    expect(stream.headers.vary).toMatch(/^Accept-Encoding, Origin, Cookie, /)
    expect(stream.headers['cache-control']).toBe('no-store, no-transform')
    expect(stream.headers['x-accel-buffering']).toBe('no')
    await stream.first('hub.sync')
    await hub.publish(moved(1))
    await stream.first('card.moved')
  })

  test('a client that accepts nothing by name gets the stream as it is', async () => {
    const { open } = await world({ compression: sharedGzip() })
    const stream = await open()
    expect(stream.headers['content-encoding']).toBe(undefined)
    expect(stream.headers.vary).toContain('Accept-Encoding')
    await stream.first('hub.sync')
  })

  test('without the option nothing is compressed, and nothing varies by it', async () => {
    const { open } = await world()
    const stream = await open(undefined, gzip)
    expect(stream.headers['content-encoding']).toBe(undefined)
    expect(stream.headers.vary).not.toContain('Accept-Encoding')
    await stream.first('hub.sync')
  })

  test('good-byes in place of a stream, pages, health, errors and HEAD are as they are', async () => {
    const { hub, open, get } = await world({ compression: sharedGzip() })
    for (const path of ['/api/sse/page', '/api/sse/health', '/api/sse/events?topics=%00']) {
      const { headers, body } = await get(path, gzip)
      expect(headers['content-encoding']).toBe(undefined)
      expect(body).toBeTypeOf('object')
    }
    const head = await hub.fetch(new Request('http://hub/api/sse/events', { method: 'HEAD', headers: gzip }))
    expect(head.headers.get('content-encoding')).toBe(null)
    expect(head.headers.get('vary')).toContain('Accept-Encoding')
    hub.disable()
    const stream = await open(undefined, gzip)
    expect(stream.headers['content-encoding']).toBe(undefined)
    await stream.first('hub.bye')
  })

  test('an option that is no compression is refused, with the remedy', async () => {
    await expect(world({ compression: true as never })).rejects.toThrow('`sharedGzip()` of "@sse-hub/server/gzip"')
    await expect(world({ compression: sharedGzip as never })).rejects.toThrow('sharedGzip()')
  })
})

describe('a stream over node:http', () => {
  test('is read event by event, over its beats, and ends as it should', async () => {
    const { hub, open } = await world({ compression: sharedGzip(), heartbeatMs: 20 })
    const stream = await open(undefined, gzip)
    await stream.first('hub.sync')
    for (const n of numbers(20)) {
      await hub.publish(moved(n))
      await until(() => expect(stream.of('card.moved').length).toBe(n))
    }
    await until(() => expect(stream.beats.length).toBeGreaterThan(1))
    await hub.publish(numbers(200, 21).map(moved))
    await until(() => expect(stream.of('card.moved').map(({ data }) => data.n)).toEqual(numbers(220)))
    hub.disable()
    await until(() => expect(stream.ended).toBe('end'))
    expect(stream.of('hub.bye')).toMatchObject([{ reason: 'disabled' }])
    expect(hub.stats()).toMatchObject({ connections: 0, bufferedBytes: 0 })
  })

  test('that is cut is seen as cut', async () => {
    const { server, hub, open } = await world({ compression: sharedGzip() })
    const stream = await open(undefined, gzip)
    await stream.first('hub.sync')
    server.closeAllConnections()
    await until(() => expect(stream.ended).toBe('cut'))
    await until(() => expect(hub.stats().connections).toBe(0))
  })

  test('replays what was missed', async () => {
    const { hub, open } = await world({ compression: sharedGzip() })
    const after = await hub.cursor()
    await hub.publish(numbers(1_000).map(moved))
    const streams = await Promise.all(numbers(3).map(() => open(`/api/sse/events?after=${after}`, gzip)))
    for (const stream of streams)
      await until(() => expect(stream.of('card.moved').map(({ data }) => data.n)).toEqual(numbers(1_000)))
    hub.disconnect('u1')
    for (const stream of streams) await until(() => expect(stream.ended).toBe('end'))
  })

  test('reaches a slow reader whole, from the log, beside one who is quick', async () => {
    const bufferBytes = 20_000
    const total = 6_000
    const { hub, open } = await world({
      compression: sharedGzip(),
      log: memoryLog({ maxEvents: 100_000 }),
      limits: { bufferBytes },
    })
    const [slow, quick] = [
      await open('/api/sse/events?topics=news', gzip),
      await open('/api/sse/events?topics=news', gzip),
    ]
    await Promise.all([slow.first('hub.sync'), quick.first('hub.sync')])
    slow.pause()
    let most = 0
    for (const n of numbers(total)) {
      // What cannot be compressed fills the sockets soonest.
      await hub.publish(said(n, randomBytes(1_500).toString('base64')))
      if (n % 20 !== 0) continue
      await new Promise((resolve) => setImmediate(resolve))
      most = Math.max(most, hub.stats().bufferedBytes)
    }
    const seen = (stream: typeof slow) => stream.of('news.said').map(({ data }) => Number(data.text.split(' ')[0]))
    await until(() => expect(seen(quick).length).toBe(total))
    expect(hub.stats()).toMatchObject({ phases: { reading: 1, live: 1 } })
    expect(hub.stats().fellBehind).toBeGreaterThanOrEqual(1)
    // For each stream: our buffer, one write of it, and what Node takes before it says that it is full.
    expect(most).toBeLessThan(2 * (2 * bufferBytes + getDefaultHighWaterMark(false)))
    slow.resume()
    await until(() => expect(seen(slow).length).toBe(total))
    expect(seen(slow)).toEqual(numbers(total))
    expect(seen(quick)).toEqual(numbers(total))
    await until(() => expect(hub.stats()).toMatchObject({ phases: { live: 2 }, bufferedBytes: 0 }))
    hub.disable()
    for (const stream of [slow, quick]) await until(() => expect(stream.ended).toBe('end'))
  })

  test('is compressed once for all who are in step', async () => {
    const { compression, count } = counted()
    const { hub, open } = await world({ compression, limits: { connectionsPerUser: 1_000 }, heartbeatMs: 60_000 })
    const streams = await Promise.all(numbers(200).map(() => open(undefined, gzip)))
    for (const stream of streams) await stream.first('hub.sync')
    count.deflated = 0
    for (const turn of numbers(10)) {
      await hub.publish(numbers(5).map(moved))
      for (const stream of streams) await until(() => expect(stream.of('card.moved').length).toBe(5 * turn))
    }
    expect(count.deflated).toBe(10)
  })

  test('over HTTP/2', async () => {
    const { hub } = await world({ compression: sharedGzip() })
    const server = http2.createServer(toNodeHandler(hub))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => {
      session.destroy()
      server.close()
    })
    const gunzip = createGunzip()
    let text = ''
    let ended = false
    session
      .request({ ':path': '/api/sse/events', ...gzip })
      .pipe(gunzip)
      .setEncoding('utf8')
      .on('data', (part: string) => {
        text += part
      })
      .on('end', () => {
        ended = true
      })
    await until(() => expect(text).toContain('hub.sync'))
    await hub.publish(moved(1))
    await until(() => expect(text).toContain('card.moved'))
    hub.disable()
    await until(() => expect(ended).toBe(true))
    expect(text).toContain('hub.bye')
  })

  test('through a middleware that has said that it compresses, is compressed by that alone', async () => {
    const { compression, count } = counted()
    const { hub, open } = await world({
      compression,
      listener: (hub) => (req, res) => {
        const write = res.write.bind(res)
        res.setHeader('content-encoding', 'gzip')
        const own = through()
        Object.assign(res, {
          write(bytes: Uint8Array) {
            own.sink.write(frameOf(Buffer.from(bytes).toString()))
            return write(own.writes.at(-1))
          },
        })
        toNodeHandler(hub)(req, res)
      },
    })
    const stream = await open(undefined, gzip)
    await stream.first('hub.sync')
    await hub.publish(moved(1))
    await stream.first('card.moved')
    expect(count.deflated).toBe(0)
  })

  test('one that looks at the headers when they are written, as Express’s does, sees that it is compressed', async () => {
    const encodings: unknown[] = []
    const { hub, open } = await world({
      compression: sharedGzip(),
      listener: (hub) => (req, res) => {
        const [writeHead, write] = [res.writeHead.bind(res), res.write.bind(res)]
        Object.assign(res, {
          writeHead(status: number, headers: Record<string, string>) {
            encodings.push(headers['content-encoding'])
            return writeHead(status, headers)
          },
          // Wrapped, so that the hub cannot go past it to the socket.
          write: (bytes: Uint8Array) => write(bytes),
        })
        toNodeHandler(hub)(req, res)
      },
    })
    const stream = await open(undefined, gzip)
    await stream.first('hub.sync')
    await hub.publish(moved(1))
    await stream.first('card.moved')
    hub.disable()
    await until(() => expect(stream.ended).toBe('end'))
    expect(encodings).toEqual(['gzip'])
  })

  test('a failing deflate ends that stream, and is reported', async () => {
    const { hub, open, reports } = await world({
      compression: {
        ...sharedGzip(),
        deflate(bytes) {
          if (Buffer.from(bytes).includes('card.moved')) throw new Error('out of memory')
          return deflateRawSync(bytes, { finishFlush: 2 })
        },
      },
    })
    const stream = await open(undefined, gzip)
    await stream.first('hub.sync')
    await hub.publish(moved(1))
    await until(() => expect(stream.ended).toBe('cut'))
    expect(reports).toMatchObject([{ during: 'stream', error: { message: 'out of memory' } }])
    await until(() => expect(hub.stats().connections).toBe(0))
  })
})

describe('read by Node’s fetch', () => {
  const open = async (port: number) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/sse/events`)
    const heard = { text: '', ended: '' }
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    const read = async () => {
      for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) heard.text += next.value
    }
    read().then(
      () => {
        heard.ended = 'end'
      },
      () => {
        heard.ended = 'cut'
      },
    )
    return { heard, encoding: response.headers.get('content-encoding') }
  }

  test('batch by batch, to a clean end', async () => {
    const { hub, port } = await world({ compression: sharedGzip() })
    const { heard, encoding } = await open(port)
    expect(encoding).toBe('gzip')
    await until(() => expect(heard.text).toContain('hub.sync'))
    for (const n of numbers(20)) {
      await hub.publish([moved(n), moved(-n)])
      await until(() => expect(heard.text).toContain(`{"n":${-n}}`))
    }
    hub.disable()
    await until(() => expect(heard.ended).toBe('end'))
    expect(heard.text).toContain('hub.bye')
  })

  test('until it is cut', async () => {
    const { port, server } = await world({ compression: sharedGzip() })
    const { heard } = await open(port)
    await until(() => expect(heard.text).toContain('hub.sync'))
    server.closeAllConnections()
    await until(() => expect(heard.ended).toBe('cut'))
  })
})

describe('on Web Streams', () => {
  const request = () => new Request('http://hub/api/sse/events', { headers: gzip })

  test('is read batch by batch, to a clean end', async () => {
    const { hub } = await world({ compression: sharedGzip() })
    const { body, headers } = await hub.fetch(request())
    expect(headers.get('content-encoding')).toBe('gzip')
    const reader = body?.getReader()
    const gunzip = createGunzip()
    const parts: Uint8Array[] = []
    const next = async () => {
      const { value = new Uint8Array(), done } = (await reader?.read()) ?? {}
      parts.push(value)
      return done ? undefined : feed(gunzip, value)
    }
    expect(await next()).toContain('hub.sync')
    for (const n of numbers(10)) {
      await hub.publish([moved(n), moved(-n)])
      expect(await next()).toMatch(new RegExp(`"n":${n}}(.|\n)*"n":-${n}}`))
    }
    hub.disconnect('u1')
    expect(await next()).toContain('hub.bye')
    expect(await next()).toBe('')
    expect(await next()).toBe(undefined)
    const plain = gunzipSync(Buffer.concat(parts)).toString()
    expect(plain.match(/event: card.moved/g)?.length).toBe(20)
    expect(Buffer.concat(parts).readUInt32LE(Buffer.concat(parts).length - 8)).toBe(crc32(plain))
    expect(hub.stats().connections).toBe(0)
  })

  test('a reader that takes its time finds what waits, and the end', async () => {
    const { hub } = await world({ compression: sharedGzip() })
    const { body } = await hub.fetch(request())
    await until(() => expect(hub.stats().phases).toEqual({ waiting: 1 }))
    const reader = body?.getReader()
    const parts = [(await reader?.read())?.value ?? new Uint8Array()]
    await hub.publish(numbers(50).map(moved))
    hub.disconnect('u1')
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) parts.push(next.value)
    expect(gunzipSync(Buffer.concat(parts)).toString()).toMatch(/hub.sync(.|\n)*hub.bye/)
  })

  test('a thousand connections share one deflate', async () => {
    const { compression, count } = counted()
    const { hub } = await world({ compression, limits: { connectionsPerUser: 1_000 }, heartbeatMs: 60_000 })
    const readers = await Promise.all(
      numbers(1_000).map(async () => {
        const { body } = await hub.fetch(request())
        const reader = body?.getReader()
        const read = async () => (await reader?.read())?.value ?? new Uint8Array()
        return { read, parts: [await read()] }
      }),
    )
    await until(() => expect(hub.stats().phases).toEqual({ live: 1_000 }))
    count.deflated = 0
    for (const turn of numbers(10)) {
      const reads = readers.map(async ({ read, parts }) => void parts.push(await read()))
      await hub.publish(numbers(5, 5 * turn).map(moved))
      await Promise.all(reads)
      expect(count.deflated).toBe(turn)
    }
    hub.disable()
    for (const { read, parts } of readers) {
      for (let part = await read(); part.length > 0; part = await read()) parts.push(part)
      expect(
        gunzipSync(Buffer.concat(parts))
          .toString()
          .match(/card.moved/g)?.length,
      ).toBe(50)
    }
    expect(count.deflated).toBe(10)
  })

  test('a Response that the application reads and another server writes stays as it is', async () => {
    const { hub } = await world({ compression: sharedGzip() })
    const { port } = await listen((_, res) => {
      void hub
        .fetch(request())
        .then((response) => new Response(response.body, response))
        .then((response) => writeResponse(response, res))
    })
    const response = await fetch(`http://127.0.0.1:${port}/`)
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader?.read())?.value).toContain('hub.sync')
    await hub.publish(moved(1))
    expect((await reader?.read())?.value).toContain('card.moved')
    await reader?.cancel()
    await until(() => expect(hub.stats().connections).toBe(0))
  })
})
