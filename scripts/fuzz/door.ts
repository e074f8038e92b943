// Fuzzes the hub's door: whatever a request holds, the hub answers as docs/PROTOCOL.md says, never throws, lets nothing out, and keeps serving.
import { decodePage } from '@sse-hub/core/contract'
import { createHub } from '@sse-hub/server'
import { chance } from './random.ts'
import { contract, HOST, makeRequest } from './requests.ts'
import { judge } from './verdict.ts'
import type { Failure } from './wire.ts'

/** Opens one hub; `send` sends the request of a number and answers what was wrong about the hub's answer. */
function openDoor(seed: number) {
  const dice = chance(seed)
  const reports: unknown[] = []
  const hub = createHub({
    contract,
    disabled: false,
    authorize(request) {
      const who = request.headers.get('authorization')
      if (who === 'none') return null
      if (who === 'crash') throw new Error('authorize failed')
      const grant = { read: ['board:7', 'board:8', 'constructor'], write: ['board:7', 'constructor'] }
      return who === 'anonymous' ? grant : { user: 'u1', ...grant }
    },
    origins: ['https://app.test'],
    limits: { emitsPerSecond: 1_000_000, eventBytes: 20_000, bodyBytes: 40_000 },
    onReport: ({ during, error }) => {
      if (during !== 'authorize' && during !== 'handler') reports.push({ during, error: String(error) })
    },
  })
  hub.on('asked', ({ data }) => {
    if (typeof data === 'string') throw new Error('a secret of the handler')
  })

  /** A whole question that must be answered rightly, whatever came before. */
  async function stillServes(): Promise<string | undefined> {
    const text = `after ${dice.below(1_000_000)}`
    const before = await hub.cursor()
    await hub.publish({ type: 'card.moved', topic: 'board:7', data: text })
    const response = await hub.fetch(new Request(`${HOST}/api/sse/page?topics=board:7&after=${before}`))
    const page = decodePage(await response.text())
    if (page.events[0]?.data !== text) return `the hub does not serve any more: ${JSON.stringify(page)}`
    if (Object.keys(Object.prototype).length > 0)
      return `Object.prototype was polluted: ${Object.keys(Object.prototype)}`
    if (reports.length > 0) return `the hub reported ${JSON.stringify(reports.splice(0))}`
    const { connections } = hub.stats()
    return connections === 0 ? undefined : `${connections} connections stay open`
  }

  async function send(index: number): Promise<string | undefined> {
    dice.at(index)
    const request = makeRequest(dice)
    // What was posted, for the verdict; a body that breaks off has no text.
    const copy = request.method === 'POST' ? request.clone() : undefined
    try {
      const response = await hub.fetch(request)
      const question = (await copy?.text().catch(() => '')) ?? ''
      const problem = (await judge(request, question, response)) ?? (index % 16 === 0 ? await stillServes() : undefined)
      return problem && `${request.method} ${request.url} ${JSON.stringify([...request.headers])}: ${problem}`
    } catch (error) {
      return `${request.method} ${request.url}: ${error instanceof Error ? error.stack : String(error)}`
    }
  }
  return { send, close: () => hub.close() }
}

/** Runs requests `from` … `from + count - 1` of a seed. Answers those that were answered wrongly. */
export async function fuzzDoor(seed: number, from: number, count: number): Promise<Failure[]> {
  const failures: Failure[] = []
  const door = openDoor(seed)
  for (let index = from; index < from + count && failures.length < 10; index++) {
    const message = await door.send(index)
    if (message !== undefined) failures.push({ index, message })
  }
  await door.close()
  return failures
}
