// The page: a header that says what this is and how it is connected, the board, and what is open on top of it.
import { useState } from 'react'
import { Board } from './Board.tsx'
import { CardPanel } from './CardPanel.tsx'
import { ConnectionBadge, ConnectionBanner, useConnection } from './Connection.tsx'
import { Mark } from './icons.tsx'
import { NoticeBar } from './NoticeBar.tsx'
import { Online } from './Online.tsx'
import { ThemeButton } from './theme.tsx'
import { WhoAmI } from './WhoAmI.tsx'

export function App() {
  const connection = useConnection()
  const [openCard, setOpenCard] = useState<string>()
  return (
    <div className="page" data-tone={connection.tone}>
      <header className="bar">
        <Mark />
        <div className="bar-title">
          <h1>Shared board</h1>
          <p>Tasks for the whole team. Everyone sees changes as they happen.</p>
        </div>
        <Online />
        <ConnectionBadge connection={connection} />
        <ThemeButton />
        <WhoAmI />
      </header>
      <ConnectionBanner connection={connection} />
      <div className="work">
        <main>
          <Board openCard={openCard} onOpen={setOpenCard} />
        </main>
        {openCard !== undefined && <CardPanel key={openCard} id={openCard} onClose={() => setOpenCard(undefined)} />}
      </div>
      <NoticeBar />
    </div>
  )
}
