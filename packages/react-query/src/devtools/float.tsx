// The panel by itself: a button in the corner of the page that opens it as a drawer.
import { type ReactElement, useEffect, useId, useRef, useState, useSyncExternalStore } from 'react'
import { recall, remember } from './memory.ts'
import { Panel, type Theme } from './panel.tsx'
import type { Recorder } from './recorder.ts'
import { adopt } from './styles.ts'
import { summarize } from './summary.ts'

const themes: readonly Theme[] = ['auto', 'light', 'dark']

export interface DrawerProps {
  readonly recorder: Recorder
  readonly onTry: () => void
  /** Whether it is open at first, where nobody has opened or closed it yet. */
  readonly isOpenFirst: boolean
}

export function Drawer({ recorder, onTry, isOpenFirst }: DrawerProps): ReactElement {
  const [memory, setMemory] = useState(() => recall({ open: isOpenFirst, theme: 'auto' as Theme }))
  const { open, theme } = memory
  const id = useId()
  const opener = useRef<HTMLButtonElement>(null)
  const box = useRef<HTMLDivElement>(null)
  const set = (change: Partial<typeof memory>) => {
    const next = { ...memory, ...change }
    setMemory(next)
    remember(next)
  }
  useEffect(() => (box.current ? adopt(box.current) : undefined), [])
  const close = () => {
    set({ open: false })
    // It is not there until the panel is gone.
    requestAnimationFrame(() => opener.current?.focus())
  }
  const nextTheme = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'auto'
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes it, from wherever the focus is in it
    <div
      ref={box}
      className="hubdt-float"
      data-theme={theme}
      onKeyDown={({ key }) => {
        if (key === 'Escape' && open) close()
      }}
    >
      {open ? (
        <div id={id} className="hubdt-drawer">
          <Panel
            recorder={recorder}
            theme={theme}
            onTry={onTry}
            corner={
              <>
                <button
                  type="button"
                  className="hubdt-button"
                  onClick={() => set({ theme: nextTheme })}
                  aria-label={`Theme: ${theme}. Change to ${nextTheme}`}
                >
                  Theme: {theme}
                </button>
                <button type="button" className="hubdt-button" onClick={close} aria-label="Close the sse-hub devtools">
                  Close
                </button>
              </>
            }
          />
        </div>
      ) : (
        <Opener button={opener} recorder={recorder} controls={id} onOpen={() => set({ open: true })} />
      )}
    </div>
  )
}

interface OpenerProps {
  readonly button: { current: HTMLButtonElement | null }
  readonly recorder: Recorder
  readonly controls: string
  readonly onOpen: () => void
}

/** The button: its lamp says how things stand, also while nobody looks closer. */
function Opener({ button, recorder, controls, onOpen }: OpenerProps) {
  const view = useSyncExternalStore(recorder.subscribe, recorder.get, recorder.get)
  const { tone, state } = summarize(view, Date.now())
  return (
    <button
      ref={button}
      type="button"
      className="hubdt-opener"
      data-tone={tone}
      aria-expanded={false}
      aria-controls={controls}
      aria-label={`Open the sse-hub devtools: ${state}`}
      onClick={onOpen}
    >
      <span className="hubdt-lamp" aria-hidden="true" />
      sse-hub
    </button>
  )
}
