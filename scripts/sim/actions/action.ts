// What an action is: something that somebody can do in the world. The list of all of them is in ./index.ts.
import type { Config } from '../config.ts'
import type { Chance } from '../random.ts'
import type { World } from '../reach.ts'

/** Something that somebody can do. */
export interface Action {
  /** Its name, as plans and traces write it. */
  readonly name: string
  /** How often it is done, relative to the others. */
  readonly weight: number
  /** Only done in a world that has a browser with tabs. */
  readonly needsTabs?: boolean
  /** Only done in a world whose pages have live queries. */
  readonly needsQueries?: boolean
  /** Concerns all pages at once. */
  readonly isGeneral?: boolean
  /** Decides everything about it beforehand; the answer must survive JSON. */
  plan(chance: Chance, config: Config): unknown
  /** Does it. It must make sense, or do nothing, whatever was done or left out before. */
  run(world: World, params: unknown): void
}

/** Defines an action with the type of its parameters. */
export function action<P>(definition: {
  readonly name: string
  readonly weight: number
  readonly needsTabs?: boolean
  readonly needsQueries?: boolean
  readonly isGeneral?: boolean
  plan(chance: Chance, config: Config): P
  run(world: World, params: P): void
}): Action {
  return { ...definition, run: (world, params) => definition.run(world, params as P) }
}

/** Some tab, by its place in the configuration. */
export const someTab = (chance: Chance, config: Config): number =>
  chance.pick(config.pages.flatMap(({ browser }, place) => (browser === undefined ? [] : [place])))

/** Some page, by its place in the configuration. */
export const somePage = (chance: Chance, config: Config): number => chance.between(0, config.pages.length - 1)
