// What a seed says: how the world is made and what happens in it when, all of it written down before anything runs, so that it can be cut down.
import { actions } from './actions/index.ts'
import type { Config, PageConfig } from './config.ts'
import { type Chance, chance } from './random.ts'

/** One thing that somebody does. */
export interface Step {
  /** When, in milliseconds since the world began. */
  readonly at: number
  /** The name of an action. */
  readonly action: string
  /** What the action decided when it was planned. */
  readonly params: unknown
}

/** All that a run depends on. */
export interface Plan {
  readonly seed: number
  readonly config: Config
  readonly steps: readonly Step[]
}

const USERS = ['ann', 'bob', 'cyd']

/** Of so many seeds, one has a world with a browser of several tabs. */
const TABS_EVERY = 3

/** What a world has, if it is not left to its seed. */
export interface Kind {
  /** A browser with several tabs. */
  readonly tabs?: boolean | undefined
  /** Pages with live queries. */
  readonly queries?: boolean | undefined
}

/** Works out the plan of a seed. */
export function makePlan(seed: number, { tabs = seed % TABS_EVERY === 0, queries = false }: Kind = {}): Plan {
  const root = chance(`seed ${seed}`)
  const dice = root.fork('config')
  const count = dice.between(2, 4)
  const config: Config = {
    pages: Array.from({ length: count }, (_, index) => {
      const low = dice.pick([1, 5, 30])
      return {
        user: index < 2 ? (USERS[index] as string) : dice.pick(USERS),
        validates: dice.maybe(0.5),
        via: dice.maybe(0.12) ? 'poll' : 'sse',
        latencyMs: [low, low * dice.pick([1, 3, 10])],
        identifies: dice.maybe(0.5),
        pauses: false,
        cursors: 'none',
      }
    }),
    locks: [],
    lists: [],
    tagged: true,
    topics: ['board:1', 'board:2', 'board:3', 'room'].slice(0, dice.between(1, 4)),
    logEvents: dice.pick([5, 20, 60, 100_000, 100_000, 100_000]),
    heartbeatMs: 2_000,
    recheckMs: 10_000,
    disabledRetryMs: 5_000,
    diskMs: dice.pick([0, 2, 20, 100, 100]),
    bufferBytes: dice.pick([300, 2_000, 262_144]),
    windowBytes: dice.pick([400, 400, 4_000, 1_000_000]),
    activeMs: dice.between(25, 60) * 1_000,
    logAgeMs: dice.pick([3_000, 12_000, 86_400_000, 86_400_000, 86_400_000, 86_400_000]),
  }
  const peopled = tabs ? withTabs(config, root.fork('tabs')) : config
  return planSteps(seed, root, queries ? withQueries(peopled, root.fork('queries')) : peopled)
}

/** The world with lists in it, which all pages keep in query caches. */
function withQueries(config: Config, dice: Chance): Config {
  return {
    ...config,
    pages: config.pages.map((page) => ({
      ...page,
      cursors: dice.weighted({ snapshot: 3, before: 2, none: 2, some: 1 }),
    })),
    lists: ['list:1', 'list:2'],
    tagged: dice.maybe(0.8),
  }
}

/** The world with a browser in it: some of its pages become one, with five to ten tabs, and more happens to it for longer. */
function withTabs(config: Config, dice: Chance): Config {
  const browser = 'browser'
  const [first, second = first] = config.pages
  const tabs = Array.from({ length: dice.between(5, 10) }, (): PageConfig | undefined => {
    // Two people may use one browser.
    const like = dice.maybe(0.85) ? first : second
    return (
      like && {
        ...like,
        browser,
        validates: dice.maybe(0.5),
        identifies: dice.maybe(0.5),
        pauses: dice.maybe(0.4),
        via: 'sse',
      }
    )
  })
  return {
    ...config,
    pages: [...config.pages.slice(1, 3), ...tabs].filter((page) => page !== undefined),
    locks: dice.maybe(0.6) ? [browser] : [],
    activeMs: dice.between(150, 300) * 1_000,
  }
}

function planSteps(seed: number, root: Chance, config: Config): Plan {
  const hasTabs = config.pages.some(({ browser }) => browser !== undefined)
  const hasQueries = config.lists.length > 0
  const when = root.fork('when')
  const which = root.fork('which')
  // Where so much more happens, what concerns everybody happens more seldom, or nobody would ever be live.
  const weights = Object.fromEntries(
    actions
      .filter(({ needsTabs, needsQueries }) => (hasTabs || !needsTabs) && (hasQueries || !needsQueries))
      .map(({ name, weight, isGeneral }) => [name, hasTabs && isGeneral ? weight * 0.4 : weight]),
  )
  const steps: Step[] = []
  const plan = (at: number, name: string) => {
    const action = actions.find((one) => one.name === name)
    if (action) steps.push({ at, action: name, params: action.plan(root.fork(`step ${steps.length}`), config) })
  }
  // Every page begins with a screen or two.
  for (let i = 0; i < config.pages.length * 2; i++) plan(when.between(0, 1_000), 'mount a screen')
  if (hasQueries) for (let i = 0; i < config.pages.length * 2; i++) plan(when.between(0, 1_500), 'look at a list')
  let at = 0
  const few = hasQueries ? when.between(100, 240) : when.between(50, 120)
  for (let left = hasTabs ? when.between(300, 600) : few; left > 0; left--) {
    // Misfortunes seldom come alone: half of all steps follow close upon another.
    at = when.maybe(0.5) ? at + when.pick([0, 1, 5, 20, 60, 200]) : when.between(0, config.activeMs)
    plan(Math.min(at, config.activeMs), which.weighted(weights))
  }
  steps.sort((a, b) => a.at - b.at)
  return { seed, config, steps }
}

/** The plan with only some of its steps, by their places in the whole. */
export function keepSteps(plan: Plan, places: readonly number[]): Plan {
  return { ...plan, steps: plan.steps.filter((_, place) => places.includes(place)) }
}
