// Shows that these tests run on the lowest versions, and not on those that the packages have for themselves.
import { QueryClient } from '@tanstack/query-core'
import { QueryClient as FromReact } from '@tanstack/react-query'
import { version } from 'react'
import { version as dom } from 'react-dom'
import { expect, test } from 'vitest'
import core from './node_modules/@tanstack/query-core/package.json' with { type: 'json' }
import manifest from './package.json' with { type: 'json' }

test('the versions are those of the manifest, and there is one of each', () => {
  const wanted = manifest.devDependencies
  expect({ version, dom, core: core.version }).toEqual({
    version: wanted.react,
    dom: wanted['react-dom'],
    core: wanted['@tanstack/query-core'],
  })
  expect(FromReact).toBe(QueryClient)
})
