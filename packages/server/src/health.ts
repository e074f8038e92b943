// GET /health: one word for whoever balances load, and figures for whoever may see them.
import { answerJson } from './answers.ts'
import type { Gate } from './gate.ts'
import type { EventLog } from './log.ts'
import type { Report } from './options.ts'
import type { Clock } from './ports.ts'
import { within } from './within.ts'

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
  const [status, access] = await Promise.all([
    hub.shut()?.reason ??
      within(hub.clock, PATIENCE_MS, 'The log', hub.log.head()).then(
        () => 'ok',
        (error: unknown) => {
          hub.report({ during: 'replay', error })
          return 'failing'
        },
      ),
    // Reported by `ask`; a prober without a grant gets the word alone.
    hub.gate.ask(request, PATIENCE_MS).catch(() => null),
  ])
  return answerJson(status === 'ok' ? 200 : 503, { status, ...(access?.admin ? hub.stats() : {}) })
}
