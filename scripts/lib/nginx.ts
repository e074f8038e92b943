// Finds the real nginx that the end-to-end tests put between client and hub, so that scripts and tests agree on what is present.
import { existsSync } from 'node:fs'

/** Where nginx is: `NGINX` in the environment, else the first usual place that exists. */
export function findNginx(): string | undefined {
  const chosen = process.env.NGINX
  const places = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/local/bin/nginx', '/opt/homebrew/bin/nginx']
  return [...(chosen ? [chosen] : []), ...places].find((path) => existsSync(path))
}

/** What a person can do about it where it is missing. */
export const nginxRemedy = 'Install nginx (as root on Debian: `pnpm setup-nginx`), or set NGINX.'
