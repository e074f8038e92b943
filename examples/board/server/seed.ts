// The first cards: a board that explains itself to somebody who has never seen it.
import type { Card, Column } from '../contract.ts'

const first: Readonly<Record<Column, readonly (readonly [id: string, title: string, text: string])[]>> = {
  todo: [
    [
      'second-window',
      'Open this board in a second window',
      'Put the two windows side by side. What you do in one happens in the other.',
    ],
    [
      'move-a-card',
      'Move this card to “Doing”',
      'Drag it with the mouse, use the arrows that appear on it, or hold Alt and press an arrow key.',
    ],
    [
      'talk',
      'Talk about a card',
      'Open a card: beside its text is a conversation. Messages appear as they are posted.',
    ],
  ],
  doing: [
    [
      'pull-the-plug',
      'Stop the server, then start it again',
      'The board says what it knows, keeps trying, and catches up by itself. Nothing is lost and nothing comes twice.',
    ],
    ['someone-else', 'Be somebody else for a while', 'Choose your name at the top right to become another person.'],
  ],
  done: [['start', 'Start the demo', 'You are looking at it.']],
}

/** The cards of a new board. */
export function seed(at: number): Card[] {
  return Object.entries(first).flatMap(([column, cards]) =>
    cards.map(([id, title, text], index) => ({
      id,
      column: column as Column,
      rank: index + 1,
      title,
      text,
      messages: 0,
      version: 1,
      changedBy: 'demo',
      changedAt: at - 60_000, // not as if somebody had just done it
      lastChange: 'added' as const,
    })),
  )
}
