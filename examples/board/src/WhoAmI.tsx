// Who this window is, and how to become somebody else.
import { type FormEvent, useId, useRef } from 'react'
import { displayName, userId } from '../people.ts'
import { become, me } from './me.ts'
import { Avatar } from './person.tsx'

export function WhoAmI() {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const user = userId(input.current?.value)
    if (user !== undefined) become(user)
  }
  return (
    <div className="who">
      <button
        type="button"
        className="who-button"
        popoverTarget={id}
        aria-label={`You are ${displayName(me)}. Be somebody else`}
      >
        <Avatar user={me} />
        <span>{displayName(me)}</span>
      </button>
      <form id={id} popover="auto" className="popover" onSubmit={submit} aria-label="Who are you?">
        <label htmlFor={`${id}-name`}>Work in this window as</label>
        <div className="row">
          <input
            id={`${id}-name`}
            ref={input}
            name="name"
            placeholder="Grace"
            maxLength={40}
            autoComplete="off"
            required
          />
          <button type="submit" className="button primary">
            Switch
          </button>
        </div>
        <p>No password: this is a demo.</p>
      </form>
    </div>
  )
}
