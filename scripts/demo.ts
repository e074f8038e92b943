// Starts the demo from nothing: one command builds the example board and serves it, on whatever Node the visitor has.
import { join } from 'node:path'
import { root } from './lib/repo.ts'
import { run } from './lib/run.ts'

const board = join(root, 'examples/board')
const built = await run('pnpm', ['run', 'build'], { cwd: board })
// Not through `pnpm run start`: a signal must reach the server itself, so that it can drain.
process.exitCode = built === 0 ? await run('node', ['server/main.ts'], { cwd: board }) : built
