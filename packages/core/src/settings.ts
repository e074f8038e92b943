// What all parts of a client share: the platform, and the options with their defaults filled in.
import type { Contract } from './contract/contract.ts'
import type { EmitStorage, Life, Ports } from './ports.ts'
import type { Source } from './sources/source.ts'

/** Headers for a request: as they are, or asked for at each attempt; `refresh` is true once after a 401 or 403. */
export type HeadersOption =
  | HeadersInit
  | ((context: { readonly refresh: boolean }) => HeadersInit | Promise<HeadersInit>)

/** The options of a client, with their defaults. See `ClientOptions`. */
export interface Settings extends Ports {
  readonly url: string
  readonly contract?: Contract
  readonly source: Source
  readonly headers?: HeadersOption
  readonly credentials?: RequestCredentials
  readonly connectTimeoutMs: number
  readonly debounceMs: number
  readonly lingerMs: number
  readonly identity?: string
  readonly maxAgeMs?: number
  readonly storage?: EmitStorage | null
  readonly preloadOutbox?: boolean
  readonly pauseWhenHiddenMs?: number
  readonly life?: Life | undefined
}
