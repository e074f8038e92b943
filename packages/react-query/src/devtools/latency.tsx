// How long events took from their publishing to here, drawn one bar each.
import { memo, type ReactElement } from 'react'
import type { Arrival } from './recorder.ts'
import { Section } from './section.tsx'
import { took } from './words.ts'

const MAX_BARS = 60
const HEIGHT = 48
// With fewer, 95 of a hundred are all of them.
const MIN_FOR_P95 = 20

/** The value that a share of all does not exceed. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}

export const LatencyChart = /* @__PURE__ */ memo(function LatencyChart({
  arrivals,
}: {
  arrivals: readonly Arrival[]
}): ReactElement {
  const fresh = arrivals.filter(({ isRepeat }) => !isRepeat).slice(-MAX_BARS)
  const values = fresh.map(({ tookMs }) => tookMs)
  const [p50, p95, max] = [0.5, 0.95, 1].map((share) => quantile(values, share))
  if (p50 === undefined || p95 === undefined || max === undefined)
    return <Section title="Latency" empty="From publish to arrival: no event yet." />
  const top = Math.max(max, 1)
  const more = `p50 ${took(p50)} · ${values.length < MIN_FOR_P95 ? '' : `p95 ${took(p95)} · `}max ${took(max)}`
  return (
    <Section title="Latency" more={`the last ${values.length}: ${more}`}>
      <svg
        className="hubdt-chart"
        viewBox={`0 0 ${MAX_BARS} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`From publish to arrival, the last ${values.length} events: ${more}`}
      >
        <title>From publish to arrival, one bar for each event</title>
        {fresh.map(({ n, tookMs }, i) => {
          const height = Math.max(1, (Math.max(0, tookMs) / top) * HEIGHT)
          return <rect key={n} x={i + 0.1} y={HEIGHT - height} width={0.8} height={height} />
        })}
      </svg>
      {values.some((value) => value < 0) && (
        <p className="hubdt-quiet">Some are below zero: the clocks of the hub and of this browser differ.</p>
      )}
    </Section>
  )
})
