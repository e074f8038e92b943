// The few pictures of the page, drawn by hand so that nothing is loaded for them.

const paths = {
  left: 'M12.5 5 7.5 10l5 5',
  right: 'm7.5 5 5 5-5 5',
  up: 'm5 12.5 5-5 5 5',
  down: 'm5 7.5 5 5 5-5',
  plus: 'M10 4.5v11M4.5 10h11',
  close: 'm5.5 5.5 9 9m0-9-9 9',
  outside: 'M8 5H5v10h10v-3M11 5h4v4M15 5l-6 6',
  talk: 'M4 5.5h12v8H9.5L6 16.5v-3H4z',
  moon: 'M15.5 12A6.5 6.5 0 0 1 8 4.5 6.5 6.5 0 1 0 15.5 12z',
  sun: 'M10 6.8a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4zM10 2.5v1.4m0 12.2v1.4M2.5 10h1.4m12.2 0h1.4M4.7 4.7l1 1m8.6 8.6 1 1m0-10.6-1 1m-8.6 8.6-1 1',
  bin: 'M4.5 6h11M8 6V4.5h4V6m-6 0 .7 9.5h6.6L14 6',
} as const

/** A picture that says nothing by itself: what holds it has the name. */
export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}

/** The mark of the board. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" />
      <path d="M7 8h5v16H7zM13.5 8h5v10h-5zM20 8h5v6h-5z" />
    </svg>
  )
}
