// Several runs of several things, interleaved: what disturbs the machine for a while disturbs all of them.

/** Measures each thing once in every run, each time in another order; the last argument is what the thing came to in the run before. */
export async function inTurn<Name extends string, Found>(
  runs: number,
  names: readonly Name[],
  measure: (name: Name, before: Found | undefined) => Promise<Found>,
): Promise<{ readonly [N in Name]?: readonly Found[] }> {
  const found: { [N in Name]?: readonly Found[] } = {}
  for (let run = 0; run < runs; run++) {
    const first = run % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const before: readonly Found[] = found[name] ?? []
      found[name] = [...before, await measure(name, before.at(-1))]
    }
  }
  return found
}
