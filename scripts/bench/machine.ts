// The machine that the figures of a bench belong to.
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os'

/** What it is, for JSON. */
export const machine = {
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${platform()} ${release()} ${arch()}`,
  node: process.version,
  v8: process.versions.v8,
}

/** What it is, in one line. */
export const machineLine = (): string =>
  `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node} (V8 ${machine.v8})`
