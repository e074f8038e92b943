// Adds a card to a column: a button that becomes a form.
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import type { Column } from '../contract.ts'
import { client } from './hub.ts'
import { Icon } from './icons.tsx'
import { createCard } from './mutations.ts'

export interface NewCardProps {
  readonly column: Column
  readonly columnName: string
}

export function NewCard(props: NewCardProps) {
  const [open, setOpen] = useState(false)
  if (open) return <NewCardForm {...props} onCancel={() => setOpen(false)} />
  const start = () => {
    setOpen(true)
    client.emit({ type: 'button.clicked', data: { button: 'new-card' } })
  }
  return (
    <button type="button" className="add" aria-label={`Add a card to ${props.columnName}`} onClick={start}>
      <Icon name="plus" />
      Add a card
    </button>
  )
}

function NewCardForm({ column, columnName, onCancel }: NewCardProps & { readonly onCancel: () => void }) {
  const { mutate } = useMutation(createCard)
  const [title, setTitle] = useState('')
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])

  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (title.trim() === '') return
    mutate({ column, title: title.trim() })
    setTitle('')
  }
  return (
    <form
      className="new-card"
      aria-label={`New card in ${columnName}`}
      onSubmit={submit}
      onKeyDown={(event) => event.key === 'Escape' && onCancel()}
    >
      <input
        ref={input}
        aria-label="Title"
        placeholder="What is to be done?"
        maxLength={120}
        autoComplete="off"
        value={title}
        onChange={(event) => setTitle(event.target.value)}
      />
      <div className="row">
        <button type="submit" className="button primary">
          Add
        </button>
        <button type="button" className="button quiet" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </form>
  )
}
