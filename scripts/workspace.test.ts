// Keeps the list of test projects equal to the packages: a package without a project would pass by not being tested.
import { expect, test } from 'vitest'
import { projects } from '../vitest.workspace.ts'
import { packages } from './lib/repo.ts'

test('every package is a test project', () => {
  expect(projects.map((project) => project.test.name).sort()).toEqual(packages.map(({ folder }) => folder))
})
