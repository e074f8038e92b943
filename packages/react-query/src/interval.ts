// How often a query is polled, of all that its observers say: needed by what is loaded with the first that polls, and by devtools.
import type { Live } from './live.ts'

/** As often as any says; 0, Infinity and what is negative mean not to, as in TanStack Query: then it is Infinity. */
export const pollMsOf = ({ polls }: Pick<Live, 'polls'>): number => Math.min(...polls.filter((ms) => ms > 0))
