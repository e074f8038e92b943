// What a page can be without at first, in one piece: a client loads it when it is live, or when the first emit or validation asks for it.
export { createOutbox } from './outbox/outbox.ts'
export { validated } from './validate.ts'
