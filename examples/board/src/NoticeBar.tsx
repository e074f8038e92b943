// What the person did and what did not come of it, with what they may do about it.
import { useSyncExternalStore } from 'react'
import { Icon } from './icons.tsx'
import { type Notice, notices, showNotice } from './notices.ts'

export function NoticeBar() {
  const notice = useSyncExternalStore(notices.subscribe, notices.get)
  return (
    <div className="notices" role="alert">
      {notice && <NoticeView notice={notice} />}
    </div>
  )
}

function NoticeView({ notice: { text, action } }: { notice: Notice }) {
  const act = () => {
    showNotice(undefined)
    action?.act()
  }
  return (
    <div className="notice">
      <p>{text}</p>
      {action && (
        <button type="button" className="button" onClick={act}>
          {action.label}
        </button>
      )}
      <button type="button" className="icon-button" aria-label="Put this away" onClick={() => showNotice(undefined)}>
        <Icon name="close" />
      </button>
    </div>
  )
}
