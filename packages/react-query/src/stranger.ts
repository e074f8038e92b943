// What is said of answers that tell the place of another log than the hub's: loaded when there is one.
import { HubError } from '@sse-hub/core'

/** The error that says so. */
export const stranger = (answer: string, newest: string): HubError =>
  new HubError(
    'protocol',
    `The Hub-Cursor "${answer}" is of another log than the hub's, which is at "${newest}": does the API ask another hub, or answer from a cache?`,
  )
