// The state of the board in SQLite: plain tables and statements. Nothing here knows of events.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Card, Message, Theme } from '../contract.ts'
import { seed } from './seed.ts'

/** The newest messages of a conversation that a reader gets. */
const conversationLimit = 200

/** The newest requests whose answers are kept, for those who did not hear them and ask again. */
const answerLimit = 10_000

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA busy_timeout = 5000;
  CREATE TABLE IF NOT EXISTS card (
    id TEXT PRIMARY KEY, "column" TEXT NOT NULL, rank REAL NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
    messages INTEGER NOT NULL, version INTEGER NOT NULL, changedBy TEXT NOT NULL, changedAt INTEGER NOT NULL,
    lastChange TEXT NOT NULL DEFAULT 'added'
  ) STRICT;
  CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, cardId TEXT NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS message_of_card ON message (cardId, number);
  CREATE TABLE IF NOT EXISTS answer (
    number INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, user TEXT NOT NULL, body TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS theme (user TEXT PRIMARY KEY, theme TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS click (button TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT;`

export type Store = ReturnType<typeof openStore>

/** Opens the file, or makes it and fills it with the first cards. */
export function openStore(path: string) {
  mkdirSync(dirname(path), { recursive: true })
  const db = new DatabaseSync(path)
  db.exec(schema)
  migrate(db)

  const allCards = db.prepare('SELECT * FROM card ORDER BY rank, id')
  const oneCard = db.prepare('SELECT * FROM card WHERE id = ?')
  const saveCard = db.prepare(
    'INSERT OR REPLACE INTO card VALUES (:id, :column, :rank, :title, :text, :messages, :version, :changedBy, :changedAt, :lastChange)',
  )
  const deleteCard = db.prepare('DELETE FROM card WHERE id = ?')
  const deleteMessages = db.prepare('DELETE FROM message WHERE cardId = ?')
  const newestMessages = db.prepare(
    'SELECT id, cardId, author, text, at FROM message WHERE cardId = ? ORDER BY number DESC LIMIT ?',
  )
  const oneMessage = db.prepare('SELECT id, cardId, author, text, at FROM message WHERE id = ?')
  const saveMessage = db.prepare(
    'INSERT INTO message (id, cardId, author, text, at) VALUES (:id, :cardId, :author, :text, :at)',
  )
  const oneAnswer = db.prepare('SELECT user, body FROM answer WHERE key = ?')
  const keepAnswer = db.prepare('INSERT INTO answer (key, user, body) VALUES (?, ?, ?)')
  const forgetAnswers = db.prepare('DELETE FROM answer WHERE number <= ?')
  const oneTheme = db.prepare('SELECT theme FROM theme WHERE user = ?')
  const saveTheme = db.prepare('INSERT OR REPLACE INTO theme VALUES (?, ?)')
  const countClick = db.prepare('INSERT INTO click VALUES (?, 1) ON CONFLICT (button) DO UPDATE SET count = count + 1')

  const store = {
    cards: () => allCards.all() as unknown as Card[],
    card: (id: string) => oneCard.get(id) as unknown as Card | undefined,
    saveCard: (card: Card) => void saveCard.run(card),
    deleteCard(id: string) {
      deleteCard.run(id)
      deleteMessages.run(id)
    },
    messages: (cardId: string) => newestMessages.all(cardId, conversationLimit).reverse() as unknown as Message[],
    message: (id: string) => oneMessage.get(id) as unknown as Message | undefined,
    addMessage: (message: Message) => void saveMessage.run(message),
    answer(key: string): { user: string; body: unknown } | undefined {
      const kept = oneAnswer.get(key) as { user: string; body: string } | undefined
      return kept && { ...kept, body: JSON.parse(kept.body) }
    },
    keepAnswer(key: string, user: string, body: unknown) {
      const { lastInsertRowid } = keepAnswer.run(key, user, JSON.stringify(body))
      forgetAnswers.run(Number(lastInsertRowid) - answerLimit)
    },
    theme: (user: string) => oneTheme.get(user)?.theme as Theme | undefined,
    saveTheme: (user: string, theme: Theme) => void saveTheme.run(user, theme),
    countClick: (button: string) => void countClick.run(button),

    /** Runs all of `work` or none of it. */
    transaction<T>(work: () => T): T {
      db.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        db.exec('COMMIT')
        return result
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        throw error
      }
    },
    /** The connection itself: the log writes events through it, inside our transactions. */
    db,
    close: () => db.close(),
  }

  const { user_version: filled } = db.prepare('PRAGMA user_version').get() as { user_version: number }
  if (filled === 0) {
    store.transaction(() => {
      for (const card of seed(Date.now())) store.saveCard(card)
      db.exec('PRAGMA user_version = 1')
    })
  }
  return store
}

/** A board of before knew who changed a card, and not how. */
function migrate(db: DatabaseSync): void {
  const known = db.prepare("SELECT 1 FROM pragma_table_info('card') WHERE name = 'lastChange'").get()
  if (!known) db.exec("ALTER TABLE card ADD COLUMN lastChange TEXT NOT NULL DEFAULT 'added'")
}
