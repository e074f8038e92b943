// What the person asked for and did not get, with a way to try again.
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

function NoticeView({ notice }: { notice: Notice }) {
  const retry = () => {
    showNotice(undefined)
    // If it fails again, the cache of mutations shows the next notice.
    notice.retry().catch(() => {})
  }
  return (
    <div className="notice">
      <p>{notice.text}</p>
      <button type="button" className="button" onClick={retry}>
        Try again
      </button>
      <button type="button" className="icon-button" aria-label="Put this away" onClick={() => showNotice(undefined)}>
        <Icon name="close" />
      </button>
    </div>
  )
}
