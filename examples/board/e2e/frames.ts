// Judges what a window has shown, frame by frame: each change on the screen needs a cause, and the causes come in order.
import type { Action, Frame, Seen } from './player.ts'

/** What became of an action. */
export interface Done extends Action {
  /** The name of its request, which its event bears; undefined: it was never sent. */
  readonly key: string | undefined
  /** The page was told, or concluded, that it had failed: it takes it back, whatever the server made of it. */
  readonly failed: boolean
}

/** A change of a card, as the server's log has it. */
export interface Said {
  readonly key: string
  readonly tag: string
  /** What it was given; undefined: this change was not about that. */
  readonly column?: string | undefined
  readonly title?: string | undefined
  readonly isDeleted?: boolean
}

/** One window's story. */
export interface Story {
  readonly frames: readonly Frame[]
  readonly actions: readonly Done[]
  /** All changes since the first frame, in the log's order. */
  readonly log: readonly Said[]
}

/** What cannot be explained, in words; empty: all is well. */
export function judge({ frames, actions, log }: Story): string[] {
  const faults: string[] = []
  const tags = new Set(frames.flatMap(({ cards }) => cards.map(({ tag }) => tag)))
  for (const [at, { cards }] of frames.entries()) {
    for (const name of ['tag', 'id'] as const) {
      const names = cards.map((card) => card[name])
      const twice = names.find((each, index) => names.indexOf(each) !== index)
      if (twice !== undefined) faults.push(`frame ${at}: ${twice} is shown twice`)
    }
  }
  for (const tag of tags) {
    const seen = frames.map(({ cards }) => cards.find((card) => card.tag === tag))
    const mine = actions.map((action) => (action.tag === tag ? action : undefined))
    const said = log.filter((each) => each.tag === tag)
    const story = { tag, frames, seen, mine, said }
    faults.push(...judgePresence(story), ...judgeField(story, 'move', 'column'), ...judgeField(story, 'edit', 'title'))
  }
  return faults
}

/** The story of one card. */
interface Life {
  readonly tag: string
  readonly frames: readonly Frame[]
  readonly seen: readonly (Seen | undefined)[]
  /** By number of the action; undefined: it was about another card. */
  readonly mine: readonly (Done | undefined)[]
  readonly said: readonly Said[]
}

/** A card comes once and goes once: only what fails may be taken back. */
function judgePresence({ tag, frames, seen, mine, said }: Life): string[] {
  const faults: string[] = []
  const isDeleted = said.some((each) => each.isDeleted)
  let wasSeen = seen[0] !== undefined
  // What has failed may undo what it did, once.
  const takenBack = mine.map((action) => action?.failed ?? false)
  const takeBack = (kind: Action['kind'], before: number) => {
    const found = mine.findIndex((action, at) => action?.kind === kind && takenBack[at] && at < before)
    if (found < 0) return false
    takenBack[found] = false
    return true
  }
  const did = (kind: Action['kind'], before: number) => mine.some((action, at) => action?.kind === kind && at < before)
  for (const [at, card] of seen.entries()) {
    const before = seen[at - 1]
    const { actions = 0 } = frames[at] ?? {}
    if (at === 0 || !card === !before) continue
    if (!card) {
      if (!isDeleted && !did('delete', actions) && !takeBack('add', actions))
        faults.push(`frame ${at}: ${tag} has vanished`)
    } else if (
      wasSeen &&
      !takeBack('delete', actions) &&
      !mine.some((action) => action?.kind === 'add' && action.failed)
    ) {
      faults.push(`frame ${at}: ${tag} is back, though it had gone`)
    }
    wasSeen = true
  }
  return faults
}

/** How far a card's story has been told. */
interface Telling {
  /** The newest of mine, and of the server's, that the screen cannot fall behind any more. */
  readonly newestMine: number
  readonly newestSaid: number
  /** By number of the action: whether it has failed, and may still undo what it did. */
  readonly takenBack: readonly boolean[]
}

/** A column or a title changes because somebody changed it, and never back to what was before that. */
function judgeField(
  { tag, frames, seen, mine, said }: Life,
  kind: 'move' | 'edit',
  field: 'column' | 'title',
): string[] {
  const faults: string[] = []
  const first = seen.find((card) => card)?.[field]
  let shown: string | undefined
  // More than one may fit what was seen so far: a card that goes back may have been taken back, or moved by somebody.
  let tellings: readonly Telling[] = [
    {
      newestMine: -1,
      newestSaid: -1,
      takenBack: mine.map((action) => (action?.kind === kind && action.failed) ?? false),
    },
  ]

  const explain = (telling: Telling, value: string, actions: number): readonly Telling[] => {
    const { newestMine, newestSaid, takenBack } = telling
    const own = mine.findLastIndex((action, at) => action?.kind === kind && action.to === value && at < actions)
    const ownAction = mine[own]
    if (ownAction && own > newestMine) {
      // It stays on top until the server has it: what others did before that is never shown again.
      const at = ownAction.failed ? -1 : said.findLastIndex(({ key }) => key === ownAction.key)
      return [{ newestMine: own, newestSaid: Math.max(newestSaid, at), takenBack }]
    }
    const found: Telling[] = []
    const next = said.findIndex((each, at) => each[field] === value && at > newestSaid)
    if (next >= 0) found.push({ ...telling, newestSaid: next })
    const failure = takenBack.findIndex((failed, at) => failed && at <= newestMine)
    const known = said.slice(0, newestSaid + 1).findLast((each) => each[field] !== undefined)?.[field] ?? first
    const isKnown =
      value === known ||
      mine.some((action, at) => action?.kind === kind && action.to === value && !action.failed && at < newestMine)
    if (failure >= 0 && isKnown) found.push({ ...telling, takenBack: takenBack.with(failure, false) })
    return found
  }
  for (const [at, card] of seen.entries()) {
    if (!card) continue
    const value = card[field]
    if (shown !== undefined && value !== shown) {
      const found = tellings.flatMap((telling) => explain(telling, value, frames[at]?.actions ?? 0))
      if (found.length > 0) tellings = found
      else faults.push(`frame ${at}: the ${field} of ${tag} went from “${shown}” to “${value}”, which nobody has done`)
    }
    shown = value
  }
  return faults
}
