// Makes the nginx of the end-to-end tests present on a fresh Debian machine; where it is, it does nothing. The tests start their own, and never the system's.
import { install } from './lib/apt.ts'
import { findNginx, nginxRemedy } from './lib/nginx.ts'

/** Installs nginx if it is missing. Answers what stands in the way, or nothing. */
export async function setupNginx(): Promise<string | undefined> {
  if (findNginx()) return undefined
  const why = await install('nginx')
  if (why) return `nginx is missing, and cannot be installed: ${why}. ${nginxRemedy}`
  return findNginx() ? undefined : `nginx was installed but is not where we look. ${nginxRemedy}`
}

if (import.meta.main) {
  const problem = await setupNginx()
  if (problem) console.error(problem)
  process.exitCode = problem ? 1 : 0
}
