// Holds the SQLite log to the conformance suite, and to what only it promises: transactions of the application, crashes, other connections.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { virtualClock } from '../../../core/src/testing/virtual-clock.ts'
import type { Cursor, EventLog, LogEvent, LogGap, NewEvent, ProducerMark } from '../log.ts'
import { platform } from '../ports.ts'
import { describeEventLog } from '../testing.ts'
import { createCommits } from './sqlite/commits.ts'
import { prepareSettle } from './sqlite/settle.ts'
import { type SqliteLog, type SqliteLogOptions, sqliteLog } from './sqlite.ts'

let folder: string
let path: string
const open: (SqliteLog | DatabaseSync)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hub-'))
  path = join(folder, 'hub.db')
})

afterEach(async () => {
  for (const one of open.splice(0)) {
    if (!(one instanceof DatabaseSync)) await one.close()
    else if (one.isOpen) one.close()
  }
  rmSync(folder, { recursive: true })
})

/** A log on the test's file. */
function make(options: Partial<SqliteLogOptions> = {}): SqliteLog {
  const log = sqliteLog({ path, ...options })
  open.push(log)
  return log
}

/** The application's connection to the test's file. */
function connect(file = path): DatabaseSync {
  const db = new DatabaseSync(file)
  open.push(db)
  return db
}

const draft = (id: string): NewEvent => ({
  type: 'card.moved',
  topic: 'board:7',
  id,
  at: 1,
  json: JSON.stringify({ id }),
})
const mark = (producer: string, seq: number): ProducerMark => ({ user: 'u1', producer, seq, result: { id: `r${seq}` } })
const topics = new Set(['board:7'])
const read = async (log: EventLog, after?: Cursor) =>
  log.read(after ?? { ...(await log.head()), position: 0 }, { topics, limit: 10_000 })
const held = async (log: EventLog) => {
  const answer = await read(log)
  if (answer.gap) throw new Error(`an unexpected gap: ${answer.gap.reason}`)
  return answer.events
}
const ids = async (log: EventLog) => (await held(log)).map(({ id }) => id)

async function follow(log: EventLog) {
  const calls: (readonly LogEvent[])[] = []
  const resets: LogGap['gap'][] = []
  const { from, stop } = await log.tail({
    events: (events) => void calls.push(events),
    reset: (gap) => void resets.push(gap),
  })
  return {
    from,
    stop,
    calls,
    resets,
    ids: () => calls.flat().map(({ id }) => id),
    positions: () => calls.flat().map(({ position }) => position),
  }
}

// Hundreds of commits one after the other take their time on a slow disk.
const patient = (name: string, body: () => Promise<void>) => it(name, { timeout: 30_000 }, body)

for (const synchronous of ['full', 'normal'] as const) {
  describeEventLog(
    { describe, it: patient },
    `sqliteLog, ${synchronous}`,
    (options) => {
      let log = make({ ...options, synchronous })
      return {
        log,
        async restart() {
          await log.close()
          log = make({ ...options, synchronous })
          return log
        },
        fault() {
          const other = connect()
          other.exec('BEGIN IMMEDIATE')
          return () => other.exec('ROLLBACK')
        },
      }
    },
    { restart: true, fault: true },
  )
}

describe('appendIn', () => {
  it('is there with the state when the transaction commits, and the tail hears of it within 50 ms', async () => {
    const log = make()
    const db = connect()
    db.exec('CREATE TABLE cards (id TEXT)')
    const tail = await follow(log)
    db.exec("BEGIN IMMEDIATE; INSERT INTO cards VALUES ('c1')")
    const { epoch, positions } = log.appendIn(db, [draft('a'), draft('b')])
    expect({ epoch, positions }).toEqual({ epoch: tail.from.epoch, positions: [1, 2] })
    expect(await log.head()).toEqual(tail.from)
    // Longer than a look at the file takes: what is not committed is not told.
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect([tail.calls, await ids(log)]).toEqual([[], []])
    db.exec('COMMIT')
    const since = performance.now()
    await vi.waitFor(() => expect(tail.ids()).toEqual(['a', 'b']), { interval: 1 })
    expect(performance.now() - since).toBeLessThan(50)
    expect(await log.head()).toEqual({ epoch, position: 2 })
  })

  it('was never there when the transaction is rolled back, and its place is free', async () => {
    const log = make()
    const db = connect()
    const tail = await follow(log)
    db.exec('BEGIN')
    log.appendIn(db, [draft('a')])
    db.exec('ROLLBACK')
    expect((await log.append([draft('b')])).positions).toEqual([1])
    expect(tail.ids()).toEqual(['b'])
    expect(await ids(log)).toEqual(['b'])
  })

  it('is a publication: an id that is known keeps its place', async () => {
    const log = make()
    const db = connect()
    await log.append([draft('a')])
    await log.append([draft('emit')], mark('p', 1))
    db.exec('BEGIN')
    expect(log.appendIn(db, [draft('b'), draft('a'), draft('b'), draft('emit')]).positions).toEqual([3, 1, 3, 4])
    db.exec('COMMIT')
    expect((await log.append([draft('b')])).positions).toEqual([3])
  })

  it('and appends, however they alternate, are heard in log order, once', async () => {
    const log = make()
    const db = connect()
    const tail = await follow(log)
    const appends: Promise<unknown>[] = []
    for (let index = 0; index < 300; index++) {
      if (index % 3 === 0) {
        db.exec('BEGIN')
        log.appendIn(db, [draft(`in${index}`), draft(`in${index}b`)])
        db.exec(index % 2 === 0 ? 'COMMIT' : 'ROLLBACK')
      } else appends.push(log.append([draft(`e${index}`)]))
      if (index % 17 === 0) await appends.at(-1)
      if (index % 50 === 0) await log.announce([draft('ephemeral')])
    }
    await Promise.all(appends)
    const all = await held(log)
    expect(all).toHaveLength(200 + 100)
    await vi.waitFor(() =>
      expect(tail.positions().filter((position) => position !== undefined)).toEqual(
        all.map(({ position }) => position),
      ),
    )
  })

  it('is behind whoever joins after the commit, and told to whoever was there', async () => {
    const log = make()
    const db = connect()
    const first = await follow(log)
    db.exec('BEGIN')
    log.appendIn(db, [draft('a')])
    db.exec('COMMIT')
    const second = await follow(log)
    expect(second.from).toEqual(await log.head())
    await log.append([draft('b')])
    expect([first.ids(), second.ids()]).toEqual([['a', 'b'], ['b']])
  })

  it('is trimmed, even when nothing else is ever appended', async () => {
    const log = make({ maxEvents: 10 })
    const db = connect()
    db.exec('BEGIN')
    log.appendIn(
      db,
      Array.from({ length: 30 }, (_, index) => draft(`e${index}`)),
    )
    db.exec('COMMIT')
    await vi.waitFor(() => expect(db.prepare('SELECT count(*) AS n FROM hub_events').get()).toEqual({ n: 10 }))
  })

  it('leaves no part of what it cannot append, and the transaction goes on', async () => {
    const log = make()
    const db = connect()
    db.exec('BEGIN')
    log.appendIn(db, [draft('a')])
    expect(() => log.appendIn(db, [draft('b'), { ...draft('c'), json: undefined as never }])).toThrow()
    log.appendIn(db, [draft('d')])
    db.exec('COMMIT')
    expect(await ids(log)).toEqual(['a', 'd'])
  })

  it('says what is wrong with a connection', async () => {
    const log = make()
    const db = connect()
    expect(() => log.appendIn(db, [draft('a')])).toThrow(
      expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining('BEGIN') }),
    )
    for (const other of [connect(join(folder, 'other.db')), connect(':memory:')]) {
      other.exec('BEGIN')
      expect(() => log.appendIn(other, [draft('a')])).toThrow(
        expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining('hub.db') }),
      )
    }
    await log.close()
    db.exec('BEGIN')
    expect(() => log.appendIn(db, [draft('a')])).toThrow(expect.objectContaining({ code: 'closed' }))
  })

  it('knows the file by whatever path it was opened', async () => {
    const log = make()
    const db = connect(join(folder, '.', 'x', '..', 'hub.db'))
    db.exec('BEGIN')
    expect(log.appendIn(db, [draft('a')]).positions).toEqual([1])
    db.exec('COMMIT')
  })
})

describe('a lock that another connection holds', () => {
  it('is waited for, without holding up the event loop, and order is kept', async () => {
    const log = make()
    const db = connect()
    const tail = await follow(log)
    db.exec('BEGIN IMMEDIATE')
    const appends = ['a', 'b', 'c'].map((id) => log.append([draft(id)]))
    let turns = 0
    const since = performance.now()
    while (performance.now() - since < 100) {
      await new Promise<void>((resolve) => void setImmediate(resolve))
      turns++
    }
    expect(turns).toBeGreaterThan(50)
    expect(await log.head()).toEqual(tail.from)
    db.exec('COMMIT')
    expect((await Promise.all(appends)).map(({ positions }) => positions)).toEqual([[1], [2], [3]])
    expect(tail.ids()).toEqual(['a', 'b', 'c'])
  })

  it('is given up on after 5 s, with a remedy; later appends go through', async () => {
    const clock = virtualClock()
    const log = make({ clock })
    const db = connect()
    db.exec('BEGIN IMMEDIATE')
    const early = log.append([draft('a')])
    const refused = expect(early).rejects.toMatchObject({
      code: 'overloaded',
      retryable: true,
      message: expect.stringContaining('appendIn'),
    })
    await clock.advance(4_900)
    const late = log.append([draft('b')])
    await clock.advance(200)
    await refused
    db.exec('COMMIT')
    await clock.advance(20)
    expect((await late).positions).toEqual([1])
    expect(clock.pending()).toBe(0)
  })
})

describe('a failing write', () => {
  // A trigger stands in for a disk that fails: SQLite undoes one statement, or everything.
  const failOn = (how: 'ABORT' | 'ROLLBACK') =>
    connect().exec(
      `CREATE TRIGGER fail BEFORE INSERT ON hub_events WHEN new.id = 'bad' BEGIN SELECT RAISE(${how}, 'on purpose'); END`,
    )

  it('undoes its own append and no other', async () => {
    const log = make()
    const tail = await follow(log)
    failOn('ABORT')
    const outcomes = await Promise.allSettled([
      log.append([draft('a')]),
      log.append([draft('b'), draft('bad')]),
      log.append([draft('c')]),
    ])
    expect(outcomes[1]).toMatchObject({
      reason: { code: 'internal', retryable: true, message: expect.stringContaining('on purpose') },
    })
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect([await ids(log), tail.ids()]).toEqual([
      ['a', 'c'],
      ['a', 'c'],
    ])
  })

  it('that undoes the whole transaction acknowledges nothing of it', async () => {
    const log = make()
    const tail = await follow(log)
    failOn('ROLLBACK')
    const outcomes = await Promise.allSettled(['a', 'bad', 'c'].map((id) => log.append([draft(id)])))
    expect(outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'kept'))).toEqual([
      'internal',
      'internal',
      'internal',
    ])
    expect([await ids(log), tail.ids()]).toEqual([[], []])
    await log.append([draft('d')])
    expect([await ids(log), tail.ids()]).toEqual([['d'], ['d']])
  })
})

describe('a failing commit', () => {
  it('acknowledges nothing, tells nobody, and leaves nothing behind', async () => {
    const log = make()
    const tail = await follow(log)
    // What a deferred constraint refuses, it refuses at COMMIT.
    connect().exec(`
      CREATE TABLE parents (id TEXT PRIMARY KEY);
      CREATE TABLE children (parent TEXT REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
      CREATE TRIGGER fail AFTER INSERT ON hub_events WHEN new.id = 'bad' BEGIN INSERT INTO children VALUES ('nobody'); END`)
    const outcomes = await Promise.allSettled([log.append([draft('a')], mark('p', 1)), log.append([draft('bad')])])
    expect(outcomes).toMatchObject(Array(2).fill({ reason: { code: 'internal', retryable: true } }))
    expect([await ids(log), tail.ids(), (await log.producer('u1', 'p', 1)).last]).toEqual([[], [], 0])
    await log.append([draft('a')], mark('p', 1))
    expect([await ids(log), tail.ids()]).toEqual([['a'], ['a']])
  })
})

describe('group commit', () => {
  it('is one transaction for the appends of one turn', async () => {
    const log = make()
    const tail = await follow(log)
    await Promise.all(Array.from({ length: 200 }, (_, index) => log.append([draft(`e${index}`)])))
    expect(tail.calls.map((events) => events.length)).toEqual([200])
  })

  it('refuses what would pile up without bound', async () => {
    const clock = virtualClock()
    const log = make({ clock })
    const db = connect()
    db.exec('BEGIN IMMEDIATE')
    const json = 'x'.repeat(4_000_000)
    const outcomes = Array.from({ length: 30 }, (_, index) =>
      log.append([{ ...draft(`e${index}`), json }]).catch((error: { code: string; retryable: boolean }) => error),
    )
    const overloaded = expect.objectContaining({ code: 'overloaded', retryable: true })
    // 64 MiB wait; the rest is told at once.
    expect(await Promise.all(outcomes.slice(17))).toEqual(Array(13).fill(overloaded))
    await clock.advance(5_100)
    expect(await Promise.all(outcomes.slice(0, 17))).toEqual(Array(17).fill(overloaded))
    db.exec('COMMIT')
    const later = log.append([draft('later')])
    await clock.advance(20)
    expect((await later).positions).toEqual([1])
  })

  it('commits what waits when it is closed, and takes nothing afterwards', async () => {
    const log = make()
    const appends = [log.append([draft('a')]), log.append([draft('b')])]
    const closing = log.close()
    await expect(log.append([draft('c')])).rejects.toMatchObject({ code: 'closed' })
    await expect(log.head()).rejects.toMatchObject({ code: 'closed' })
    await Promise.all([closing, log.close()])
    await Promise.all(appends)
    expect(readdirSync(folder)).toEqual(['hub.db'])
    expect(await ids(make())).toEqual(['a', 'b'])
  })
})

describe('the file', () => {
  it('never gives a position again, not even when all events were dropped before a restart', async () => {
    let ahead = 0
    const clock = {
      ...virtualClock(),
      now: () => Date.now() + ahead,
      soon: (callback: () => void) => void setImmediate(callback),
    }
    const log = make({ maxAgeMs: 1_000, clock })
    await log.append([draft('a'), draft('b'), draft('c')])
    ahead = 5_000
    await log.append([], mark('p', 1))
    await log.close()
    const count = connect().prepare('SELECT count(*) AS n FROM hub_events').get()
    expect(count).toEqual({ n: 0 })
    const again = make()
    const head = await again.head()
    expect(head.position).toBe(3)
    expect(await read(again, { ...head, position: 2 })).toEqual({ gap: { reason: 'trimmed', to: head } })
    expect(await read(again, head)).toEqual({ epoch: head.epoch, events: [], through: 3 })
    expect((await again.append([draft('d')])).positions).toEqual([4])
  })

  it('shrinks in steps when it is opened with narrower bounds', async () => {
    const log = make()
    await log.append(Array.from({ length: 6_000 }, (_, index) => draft(`e${index}`)))
    await log.close()
    const narrow = make({ maxEvents: 10 })
    const db = connect()
    const count = () => Number(db.prepare('SELECT count(*) AS n FROM hub_events').get()?.n)
    await narrow.append([draft('a')])
    expect(count()).toBe(4_001)
    await vi.waitFor(() => expect(count()).toBe(10))
    expect(
      db.prepare('SELECT bytes, (SELECT sum(octet_length(json)) FROM hub_events) AS held FROM hub_log').get(),
    ).toEqual(expect.objectContaining({ bytes: 9 * draft('e5999').json.length + draft('a').json.length }))
  })

  it('forgets producers that are too many or too old, and their results', async () => {
    let ahead = 0
    const clock = {
      ...virtualClock(),
      now: () => Date.now() + ahead,
      soon: (callback: () => void) => void setImmediate(callback),
    }
    const log = make({ maxProducers: 2, clock })
    for (const name of ['a', 'b', 'a', 'c']) {
      ahead += 1
      await log.append([], mark(name, (await log.producer('u1', name, 1)).last + 1))
    }
    const lasts = () => Promise.all(['a', 'b', 'c'].map(async (name) => (await log.producer('u1', name, 1)).last))
    expect(await lasts()).toEqual([2, 0, 1])
    ahead += 48 * 3_600_000 + 1_000
    await log.append([], mark('a', 3))
    expect(await lasts()).toEqual([3, 0, 0])
    expect(
      connect().prepare('SELECT (SELECT count(*) FROM hub_results) AS results, producers FROM hub_log').get(),
    ).toEqual({ results: 3, producers: 1 })
  })

  it('forgets the results of a user’s own producers with them, and counts right', async () => {
    const log = make({ maxProducersPerUser: 2 })
    for (const name of ['a', 'b', 'c', 'd']) await log.append([], mark(name, 1))
    await log.append([], { ...mark('a', 1), user: 'u2' })
    const counts =
      'SELECT (SELECT count(*) FROM hub_producers) AS held, (SELECT count(*) FROM hub_results) AS results, producers FROM hub_log'
    expect(connect().prepare(counts).get()).toEqual({ held: 3, results: 3, producers: 3 })
    expect((await log.producer('u1', 'd', 1)).last).toBe(1)
  })

  it('may be the application’s own', async () => {
    const db = connect()
    db.exec("CREATE TABLE cards (id TEXT); INSERT INTO cards VALUES ('c1'); PRAGMA user_version = 7")
    const log = make()
    await log.append([draft('a')])
    expect(db.prepare('SELECT id FROM cards').all()).toEqual([{ id: 'c1' }])
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 7 })
    const names = db.prepare("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").all()
    expect(names.map(({ name }) => String(name)).filter((name) => !name.startsWith('hub_'))).toEqual(['cards'])
  })

  it.each([
    ['in memory', () => ':memory:', 'memoryLog'],
    ['shared in memory', () => 'file::memory:?cache=shared', 'memoryLog'],
    ['without a name', () => '', 'memoryLog'],
    ['in a missing folder', () => join(folder, 'missing', 'hub.db'), 'folder that exists'],
    ['that is a folder', () => folder, 'unable to open'],
    ['that is no database', () => junk(), 'not a database'],
    ['of a later version', () => later(), 'version 99'],
    ['in which somebody else has a table hub_log', () => foreign(), 'cannot use'],
  ])('%s is refused with a reason', (_, where, reason) => {
    const refusal = { code: 'invalid_option', message: expect.stringContaining(reason) }
    expect(() => sqliteLog({ path: where() })).toThrow(expect.objectContaining(refusal))
  })

  const junk = () => {
    writeFileSync(path, 'This is a text, and no database. '.repeat(50))
    return path
  }
  const later = () => {
    sqliteLog({ path })
    connect().exec('UPDATE hub_log SET version = 99')
    return path
  }
  const foreign = () => {
    connect().exec('CREATE TABLE hub_log (line TEXT)')
    return path
  }

  it.each([
    ['pollMs', { pollMs: 51 }],
    ['pollMs', { pollMs: 0 }],
    ['maxEvents', { maxEvents: 0 }],
    ['maxProducers', { maxProducers: 0 }],
    ['maxProducersPerUser', { maxProducersPerUser: 0 }],
    ['synchronous', { synchronous: 'off' as 'full' }],
  ])('is not touched when %s makes no sense', (name, options) => {
    expect(() => sqliteLog({ path, ...options })).toThrow(
      expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining(name) }),
    )
    expect(() => connect().prepare('SELECT * FROM hub_log')).toThrow()
  })
})

describe('check', () => {
  it.each([
    ['removed', () => rmSync(path), 'removed'],
    ['renamed', () => renameSync(path, `${path}.old`), 'removed or renamed'],
    [
      'replaced',
      () => {
        copyFileSync(path, `${path}.copy`)
        renameSync(`${path}.copy`, path)
      },
      'replaced by another',
    ],
  ])('says that the file was %s under the hub, which nothing else would', async (_, happen, what) => {
    const log = make()
    await log.append([draft('a')])
    await log.check()
    happen()
    await log.append([draft('b')])
    await expect(log.check()).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining(what) })
    await expect(log.check()).rejects.toThrow(/Restart the hub/)
  })

  it('says that the disk is full until there is room for what was refused, and leaves nothing behind', async () => {
    await make().close()
    const db = connect()
    let time = 0
    let probes = 0
    db.exec('CREATE TABLE probe (text TEXT)')
    const write = db.prepare('INSERT INTO probe VALUES (?)')
    const producers = prepareSettle(db, { maxProducers: 9, maxPerUser: 9 })
    const commits = createCommits({
      db,
      clock: { ...platform.clock, now: () => time },
      housekeep: () => false,
      committed: () => {},
      onError: () => {},
      probe(bytes) {
        probes++
        producers.probe(bytes)
      },
    })
    const large = 'x'.repeat(200_000)
    const append = () => commits.add(large.length, () => write.run(large))
    await commits.check()
    const pages = Number(db.prepare('PRAGMA page_count').get()?.page_count)
    db.exec(`PRAGMA max_page_count = ${pages + 10}`)
    await expect(append()).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('full') })
    await expect(commits.check()).rejects.toThrow(/Look at the disk/)
    await expect(Promise.all([commits.check(), commits.check()])).rejects.toThrow('full')
    db.exec(`PRAGMA max_page_count = ${pages + 100}`)
    time = 999
    await expect(commits.check()).rejects.toThrow('full')
    expect(probes).toBe(1)
    time = 1_000
    await Promise.all([commits.check(), commits.check()])
    await commits.check()
    expect(probes).toBe(3)
    expect(
      db.prepare('SELECT (SELECT count(*) FROM hub_results) + (SELECT count(*) FROM probe) AS rows').get(),
    ).toEqual({ rows: 0 })
    await append()
  })
})

describe('several connections', () => {
  it('two logs on one file hear each other, in order and once, and share producers', async () => {
    const logs = [make(), make()] as const
    const tails = [await follow(logs[0]), await follow(logs[1])] as const
    const appends = Array.from({ length: 400 }, async (_, index) => {
      if (index % 7 === 0) await logs[index % 2 === 0 ? 0 : 1].head()
      return logs[index % 2 === 0 ? 0 : 1].append([draft(`e${index}`)])
    })
    await Promise.all(appends)
    const all = (await held(logs[0])).map(({ position }) => position)
    expect(all).toHaveLength(400)
    for (const tail of tails) await vi.waitFor(() => expect(tail.positions()).toEqual(all))
    await logs[0].append([], mark('p', 1))
    await expect(logs[1].append([], mark('p', 1))).rejects.toMatchObject({
      code: 'out_of_order',
      details: { expected: 2 },
    })
  })

  it('looks at the file only while somebody follows', async () => {
    const clock = virtualClock()
    const log = make({ clock, pollMs: 50 })
    expect(clock.pending()).toBe(0)
    const tails = [await follow(log), await follow(log)]
    expect(clock.pending()).toBe(1)
    const db = connect()
    db.exec(
      "INSERT INTO hub_events (published, kept, type, topic, id, at, json) VALUES (1, 0, 't', 'board:7', 'a', 0, '{}')",
    )
    await clock.advance(49)
    expect(tails[0]?.ids()).toEqual([])
    await clock.advance(1)
    expect(tails.map((tail) => tail.ids())).toEqual([['a'], ['a']])
    for (const { stop } of tails) stop()
    expect(clock.pending()).toBe(0)
  })

  it('an epoch that another connection begins is a reset, and delivery goes on from there', async () => {
    const log = make()
    const tail = await follow(log)
    await log.append([draft('a')])
    connect().exec("UPDATE hub_log SET epoch = 'restored'")
    await vi.waitFor(() => expect(tail.resets).toEqual([{ reason: 'epoch', to: { epoch: 'restored', position: 1 } }]))
    await log.append([draft('b')])
    expect(tail.ids()).toEqual(['a', 'b'])
  })

  it('what was dropped before the tail could hear it is a reset', async () => {
    const clock = virtualClock()
    const log = make({ clock })
    const tail = await follow(log)
    const other = make({ maxEvents: 2 })
    await other.append(['a', 'b', 'c', 'd'].map(draft))
    await clock.advance(50)
    const head = await other.head()
    expect([tail.ids(), tail.resets]).toEqual([[], [{ reason: 'trimmed', to: head }]])
    await other.append([draft('e')])
    await clock.advance(50)
    expect(tail.ids()).toEqual(['e'])
  })
})

describe('kill -9', () => {
  // Runs the appender on the test's file until it has said so much, kills it in the middle, and answers what it said.
  async function killed(run: string, lines: number) {
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('./fixtures/appender.ts', import.meta.url)), path, run],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    let said = ''
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      said += chunk
      if (said.split('\n').length > lines) child.kill('SIGKILL')
    }
    if (child.signalCode === null && child.exitCode === null) await once(child, 'exit')
    expect(child.signalCode).toBe('SIGKILL')
    const complete = said
      .slice(0, said.lastIndexOf('\n'))
      .split('\n')
      .map((line) => line.split(' '))
    return complete.map(([what, position, id]) => ({ what, position: Number(position), id: String(id) }))
  }

  it('loses nothing that was acknowledged, tells nothing that was not kept, and gives no position twice', {
    timeout: 30_000,
  }, async () => {
    const owners = new Map<number, string>()
    const epochs = new Set<string>()
    for (const [run, lines] of [300, 1_000, 701].entries()) {
      const said = await killed(`run${run}`, lines)
      const log = make()
      const head = await log.head()
      epochs.add(head.epoch)
      const kept = new Map((await held(log)).map(({ id, position }) => [id, position]))
      for (const { position, id } of said) {
        expect(kept.get(id)).toBe(position)
        expect(owners.get(position) ?? id).toBe(id)
        owners.set(position, id)
      }
      expect(said.filter(({ what }) => what === 'a').length).toBeGreaterThan(50)
      const heard = said.filter(({ what }) => what === 't').map(({ position }) => position)
      expect(heard).toEqual(heard.map((_, index) => (heard[0] ?? 0) + index))
      await log.close()
    }
    expect(epochs.size).toBe(1)
  })

  it('begins a new epoch, without producers, where a power failure could have taken commits with it', async () => {
    // Not closed, as a killed process leaves it.
    const left = make({ synchronous: 'normal' })
    await left.append([draft('a')])
    await left.append([], mark('p', 1))
    const { epoch } = await left.head()
    const again = make({ synchronous: 'normal' })
    const head = await again.head()
    expect(head.epoch).not.toBe(epoch)
    expect(head.position).toBe(1)
    expect((await again.producer('u1', 'p', 1)).last).toBe(0)
    expect((await again.append([draft('b')])).positions).toEqual([2])
    await left.close()
    await again.close()
    expect((await make({ synchronous: 'normal' }).head()).epoch).toBe(head.epoch)
  })
})
