// What somebody did to a card last, in words: `Grace moved`.
import type { Card } from '../contract.ts'
import { displayName } from '../people.ts'

export const sentence = ({ changedBy, lastChange }: Card): string => `${displayName(changedBy)} ${lastChange}`
