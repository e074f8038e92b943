// Serves the built page, and nothing outside its folder.
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'
import { headerOf } from './http.ts'
import { guestName, rememberUser, whoIs } from './identity.ts'

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

/** The files of a folder as a handler for `node:http`. A visitor of the page is remembered, and named first if need be. */
export function createStatic(folder: string) {
  return async (req: IncomingMessage, res: ServerResponse, url: URL): Promise<void> => {
    if (req.method !== 'GET' && req.method !== 'HEAD') return plain(res, 405, 'Only GET is answered here.')
    const path = fileIn(folder, url.pathname === '/' ? '/index.html' : url.pathname)
    const content = path === undefined ? undefined : await readFile(path).catch(() => undefined)
    if (path === undefined || content === undefined) {
      return url.pathname === '/'
        ? plain(res, 503, 'The page is not built yet. Run `pnpm run build` in examples/board, then reload.')
        : plain(res, 404, 'There is nothing here. The board is at /.')
    }
    const page = extname(path) === '.html'
    if (page) res.setHeader('Set-Cookie', rememberUser(whoIs(url, headerOf(req)) ?? guestName()))
    res.writeHead(200, {
      'Content-Type': contentTypes[extname(path)] ?? 'application/octet-stream',
      'Content-Length': content.length,
      // Vite names every file but the page after its content.
      'Cache-Control': page ? 'no-store' : 'public, max-age=31536000, immutable',
      'Content-Security-Policy': "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
      'X-Content-Type-Options': 'nosniff',
    })
    res.end(req.method === 'HEAD' ? undefined : content)
  }
}

/** The file that a path names, or undefined for a path that leaves the folder or is no path. */
function fileIn(folder: string, pathname: string): string | undefined {
  try {
    const path = normalize(join(folder, decodeURIComponent(pathname)))
    return path.startsWith(folder + sep) && !path.includes('\0') ? path : undefined
  } catch {
    return undefined
  }
}

function plain(res: ServerResponse, status: number, message: string): void {
  res.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${message}\n`)
}
