// What a newcomer can try, until they put it away.
import { useState } from 'react'
import { displayName } from '../people.ts'
import { Icon } from './icons.tsx'
import { me } from './me.ts'

const key = 'board.hint'
const other = me === 'ada' ? 'grace' : 'ada'

export function Hint() {
  const [hidden, setHidden] = useState(() => localStorage.getItem(key) === 'hidden')
  if (hidden) return null
  const hide = () => {
    localStorage.setItem(key, 'hidden')
    setHidden(true)
  }
  return (
    <aside className="hint" aria-label="Try it">
      <p>
        <strong>Try it:</strong> open a second window, put it beside this one, and drag a card. Both boards follow at
        once.
      </p>
      <a className="button" href={`/?user=${other}`} target="_blank" rel="noreferrer">
        Open a second window as {displayName(other)}
        <Icon name="outside" />
      </a>
      <button type="button" className="icon-button" aria-label="Hide this hint" onClick={hide}>
        <Icon name="close" />
      </button>
    </aside>
  )
}
