// GET /health: one word for whoever balances load, and figures for whoever may see them.

import type { EventLog } from '../log.ts'
import type { Report } from '../options.ts'
import type { Clock } from '../ports.ts'
import { within } from '../time/within.ts'
import { answerJson } from './answers.ts'
import type { Gate } from './gate.ts'

const PATIENCE_MS = 1_000

/** Answers `GET /health`. */
export async function answerHealth(
  request: Request,
  hub: {
    readonly log: EventLog
    readonly gate: Gate
    readonly clock: Clock
    readonly shut: () => { readonly reason: string } | undefined
    readonly stats: () => object
    readonly report: (report: Report) => void
  },
): Promise<Response> {
  const look = async () => {
    await hub.log.head()
    await hub.log.check?.()
  }
  const [{ status, reason }, access] = await Promise.all([
    health(hub.shut()?.reason, () => within(hub.clock, PATIENCE_MS, 'The log', look()), hub.report),
    // Reported by `ask`; a prober without a grant gets the word alone.
    hub.gate.ask(request, PATIENCE_MS).catch(() => null),
  ])
  const details = access?.admin ? { ...(reason === undefined ? {} : { reason }), ...hub.stats() } : {}
  return answerJson(status === 'ok' ? 200 : 503, { status, ...details })
}

async function health(
  shut: string | undefined,
  look: () => Promise<void>,
  report: (report: Report) => void,
): Promise<{ readonly status: string; readonly reason?: string }> {
  if (shut !== undefined) return { status: shut }
  try {
    await look()
    return { status: 'ok' }
  } catch (error) {
    report({ during: 'health', error })
    return { status: 'failing', reason: error instanceof Error ? error.message : String(error) }
  }
}
