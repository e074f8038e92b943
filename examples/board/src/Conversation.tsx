// The conversation on a card: a live query of its own topic, and an ephemeral event that says who is typing.
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react'
import { displayName } from '../people.ts'
import { client, useHubEvent } from './hub.ts'
import { me } from './me.ts'
import { postMessage } from './mutations.ts'
import { Avatar } from './person.tsx'
import { messagesQuery } from './queries.ts'
import { ago, useNow } from './time.ts'

const sayTypingEveryMs = 2_000

export function Conversation({ cardId }: { cardId: string }) {
  const messages = useQuery(messagesQuery(cardId))
  const now = useNow(15_000)
  const list = useRef<HTMLOListElement>(null)
  const count = messages.data?.length ?? 0
  useEffect(() => {
    if (count > 0) list.current?.lastElementChild?.scrollIntoView({ block: 'nearest' })
  }, [count])
  return (
    <section className="conversation" aria-labelledby="conversation">
      <h2 id="conversation">Conversation</h2>
      {messages.isPending && <p className="empty">Loading the conversation…</p>}
      {messages.isError && !messages.data && (
        <p className="empty" role="alert">
          The conversation could not be loaded. {messages.error.message}
        </p>
      )}
      {messages.data && count === 0 && <p className="empty">Nobody has said anything yet. Begin the conversation.</p>}
      <ol ref={list} aria-label="Messages" aria-live="polite">
        {messages.data?.map(({ id, author, text, at }) => (
          <li key={id} data-message={id} data-own={author === me || undefined}>
            <Avatar user={author} />
            <div>
              <p className="message-by">
                <strong>{author === me ? 'You' : displayName(author)}</strong> {ago(at, now)}
              </p>
              <p className="message-text">{text}</p>
            </div>
          </li>
        ))}
      </ol>
      <Typing cardId={cardId} />
      <Composer cardId={cardId} />
    </section>
  )
}

/** Who else is writing right now. */
function Typing({ cardId }: { cardId: string }) {
  const [typing, setTyping] = useState<{ user: string; at: number }>()
  const now = useNow(1_000)
  useHubEvent('message.typing', { topic: `conversation:${cardId}` }, ({ user }) => {
    if (user !== undefined && user !== me) setTyping({ user, at: Date.now() })
  })
  useHubEvent('message.posted', { topic: `conversation:${cardId}` }, ({ data }) => {
    if (data.author === typing?.user) setTyping(undefined)
  })
  const shown = typing && now - typing.at < sayTypingEveryMs + 1_500
  return <p className="typing">{shown ? `${displayName(typing.user)} is writing…` : ''}</p>
}

function Composer({ cardId }: { cardId: string }) {
  const form = useRef<HTMLFormElement>(null)
  const [text, setText] = useState('')
  const saidTypingAt = useRef(0)
  const { mutate } = useMutation(postMessage)

  const type = (next: string) => {
    setText(next)
    if (next === '' || Date.now() - saidTypingAt.current < sayTypingEveryMs) return
    saidTypingAt.current = Date.now()
    client.emit({ type: 'message.typing', topic: `conversation:${cardId}`, data: {}, ephemeral: true })
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (text.trim() === '') return
    mutate({ cardId, text: text.trim() })
    setText('')
  }
  const sendOnEnter = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    form.current?.requestSubmit()
  }
  return (
    <form ref={form} className="composer" onSubmit={submit} aria-label="New message">
      <textarea
        aria-label="Message"
        rows={1}
        value={text}
        maxLength={4000}
        placeholder="Write a message…"
        onChange={(event) => type(event.target.value)}
        onKeyDown={sendOnEnter}
      />
      <button type="submit" className="button primary" disabled={text.trim() === ''}>
        Send
      </button>
    </form>
  )
}
