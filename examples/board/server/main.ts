// Starts the board from the environment: PORT (default 3000) and HUB_LOG (`memory`, or the path of the one file that holds everything).
import { resolve } from 'node:path'
import { createApp } from './app.ts'

const { PORT = '3000', HUB_LOG = '' } = process.env

const app = await createApp({
  port: Number(PORT),
  ...(HUB_LOG === 'memory' ? { log: 'memory' } : HUB_LOG === '' ? {} : { path: resolve(HUB_LOG) }),
}).catch((error: NodeJS.ErrnoException) => {
  if (error.code !== 'EADDRINUSE') throw error
  console.error(`Port ${PORT} is taken. Choose another: PORT=3001 (or PORT=0 for any).`)
  process.exit(1)
})

console.log(`Board: ${app.url}`)
console.log(
  'Try it: open it in two windows side by side and drag a card. Then stop this server, start it again, and watch.',
)

let stopping = false
function stop(): void {
  // Whoever asks twice does not want to wait.
  if (stopping) process.exit(1)
  stopping = true
  app.close().then(
    () => process.exit(0),
    (error) => {
      console.error(error)
      process.exit(1)
    },
  )
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
