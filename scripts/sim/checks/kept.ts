// Line 8, beyond the life of a page: what the browser keeps of it goes out later, or somebody is told why not; and who is told that it is kept can rely on it.
import type { Check } from './check.ts'

/** Line 8. */
export const outlives: Check = {
  name: 'emits outlive their page',
  line: '8',
  run(facts, found) {
    const keptAt = new Map<string, number>()
    const copies = new Map<string, number>()
    for (const { what, id, at } of [...facts.all('kept'), ...facts.all('forgotten')]) {
      if (what === 'kept' && !keptAt.has(id)) keptAt.set(id, at)
      copies.set(id, (copies.get(id) ?? 0) + (what === 'kept' ? 1 : -1))
    }
    const outcomes = new Map(facts.all('emitted').map((one) => [one.id, one]))
    for (const { id, at, code, kept } of outcomes.values())
      if (kept && (keptAt.get(id) ?? Number.POSITIVE_INFINITY) > at)
        found({ at, what: `${id} settled as ${code} and kept, and the browser had not kept it` })
    const accounted = new Set<string | undefined>([
      ...[...facts.truth.values()].flat().map(({ id }) => id),
      ...facts.all('handled').map(({ id }) => id),
      ...facts.all('report').map(({ id }) => id),
      ...[...outcomes.values()].filter((one) => !one.kept).map(({ id }) => id),
    ])
    for (const [id, at] of keptAt) {
      // What stands for a missing number (docs/PROTOCOL.md §5) is nobody's.
      if (accounted.has(id) || id === 'hub.skip') continue
      const isThere = (copies.get(id) ?? 0) > 0
      found({ at, what: `${id} was kept, and ${isThere ? 'nobody has taken it over' : 'is gone without a word'}` })
    }
    for (const { at, browser, user } of facts.all('left in storage'))
      found({ at, what: `emits of ${user} are left in ${browser}, where somebody of that user is` })
    return keptAt.size
  },
}
