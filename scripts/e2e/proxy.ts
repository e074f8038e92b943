// A TCP proxy that cuts: the network's worst habit, on demand, where neither side expects it.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A proxy in front of one port of this machine. */
export interface Proxy {
  /** Where it listens. */
  readonly port: number
  /** Cuts every connection now. */
  cut(): void
  /** Cuts a connection in the middle of the next bytes of the server that hold this text, or these: half of it arrives. Resolves when it has. */
  cutWithin(text: string | Uint8Array): Promise<void>
  /** A black hole: takes everything, and passes nothing on in either direction, until it is told otherwise; then what it held moves. New connections stand. */
  swallow(on: boolean): void
  /** For how long the server has sent nothing, in milliseconds. */
  quietMs(): number
  /** Cuts everything and stops listening. */
  close(): Promise<void>
}

/** Starts a proxy to a port of this machine. */
export async function createProxy(upstream: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let swallows = false
  let lastAt = performance.now()
  let trap: { readonly text: string | Uint8Array; readonly sprung: () => void } | undefined

  const server = createServer((near) => {
    const far = connect(upstream, '127.0.0.1')
    const end = (): void => {
      for (const socket of [near, far]) {
        socket.destroy()
        sockets.delete(socket)
      }
    }
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.setNoDelay()
      socket.on('error', end).on('close', end)
    }
    near.pipe(far)
    if (swallows) for (const socket of [near, far]) socket.pause()
    far.on('data', (bytes) => {
      lastAt = performance.now()
      const at = trap ? bytes.indexOf(trap.text) : -1
      if (!trap || at < 0) {
        near.write(bytes)
        return
      }
      const { text, sprung } = trap
      trap = undefined
      near.write(bytes.subarray(0, at + Math.ceil(text.length / 2)), () => {
        end()
        sprung()
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  const cut = (): void => {
    for (const socket of [...sockets]) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    cutWithin: (text) =>
      new Promise((resolve) => {
        trap = { text, sprung: resolve }
      }),
    swallow(on) {
      swallows = on
      for (const socket of sockets) {
        if (on) socket.pause()
        else socket.resume()
      }
    },
    quietMs: () => performance.now() - lastAt,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      cut()
      await closed
    },
  }
}
