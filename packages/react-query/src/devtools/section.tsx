// A part of the panel: a title with a count, and what it is about; nothing to show is said in few words beside the title.
import type { ReactElement, ReactNode } from 'react'

export interface SectionProps {
  readonly title: string
  /** What stands beside the title. */
  readonly more?: ReactNode
  /** What is said instead of nothing. */
  readonly empty?: string | undefined
  readonly children?: ReactNode
}

export function Section({ title, more, empty, children }: SectionProps): ReactElement {
  const beside = empty ?? more
  return (
    <section className="hubdt-section" data-empty={empty !== undefined} aria-label={title}>
      <h3>
        {title}
        {beside !== undefined && <span>{beside}</span>}
      </h3>
      {empty === undefined && children}
    </section>
  )
}
