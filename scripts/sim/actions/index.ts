// All actions. To add one, write it beside the others and name it in its file's list; plans deal it out by its weight.
import type { Action } from './action.ts'
import { browsing } from './browsing.ts'
import { faults } from './faults.ts'
import { operating } from './operating.ts'
import { publishing } from './publishing.ts'
import { querying } from './querying.ts'
import { tabbing } from './tabbing.ts'

/** Everything that can be done in the world. */
export const actions: readonly Action[] = [...publishing, ...browsing, ...faults, ...operating, ...tabbing, ...querying]
