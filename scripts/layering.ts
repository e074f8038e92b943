// Keeps the house in order: says which source file may import which, and where effects may be used, so that the design cannot erode unseen.
import { existsSync, globSync } from 'node:fs'
import { dirname, join, matchesGlob, relative, resolve } from 'node:path'
import ts from 'typescript'
import { root } from './lib/repo.ts'

/** What one package may do. Paths are relative to its `src` and may be globs. */
interface PackageRules {
  /** Bare imports of our own packages that are allowed. */
  readonly ours: readonly string[]
  /** The way data flows: a file must not reach a file of a later row, by however many imports. */
  readonly layers: readonly (readonly string[])[]
  /** Files that import only each other, and have no effects at all. */
  readonly pure: readonly string[]
  /** Entry points that nobody imports, not even the index. */
  readonly leaves: readonly string[]
  /** Files that may touch timers, chance, the network and the DOM; everything else takes them from a port. `'**'`: no rule. */
  readonly effects: readonly string[]
  /** Files that may import `node:` modules. */
  readonly node: readonly string[]
  /** Files that may import React. */
  readonly react: readonly string[]
}

const rules: Readonly<Record<string, PackageRules>> = {
  core: {
    ours: [],
    layers: [['contract/**', 'errors.ts'], ['sequence.ts'], ['connection.ts'], ['client.ts'], ['index.ts']],
    pure: ['contract/**', 'errors.ts', 'ports.ts', 'sequence.ts', 'status.ts', 'backoff.ts', 'breaker.ts'],
    leaves: ['eventsource.ts', 'rollout/**', 'testing.ts'],
    effects: ['platform.ts', 'storage.ts'],
    node: [],
    react: [],
  },
  server: {
    ours: ['@sse-hub/core/contract'],
    // One folder a row, so that no two of them can be a circle. The logs come late: all but the hub know only log.ts of them.
    layers: [
      ['log.ts', 'ports.ts', 'counters.ts', 'ring.ts'],
      ['time/**'],
      ['wire/**'],
      ['options.ts'],
      ['publishing/**'],
      ['tail/**'],
      ['connection/**'],
      ['requests/**'],
      ['logs/**'],
      ['api.ts'],
      ['hub.ts'],
      ['node.ts', 'index.ts'],
    ],
    pure: [],
    leaves: ['gzip.ts', 'metrics.ts', 'dashboard.ts', 'otel.ts', 'testing.ts'],
    effects: ['ports.ts', 'node.ts', 'logs/sqlite.ts'],
    node: ['node.ts', 'gzip.ts', 'logs/sqlite.ts', 'logs/sqlite/**', 'testing.ts', 'conformance/**'],
    react: [],
  },
  'react-query': {
    ours: ['@sse-hub/core'],
    layers: [
      ['live.ts', 'reducers.ts'],
      ['join.ts'],
      ['fallback.ts'],
      ['connect.ts'],
      ['index.ts'],
      ['react.tsx'],
      ['devtools/**'],
      ['devtools.tsx'],
    ],
    pure: [],
    leaves: ['devtools.tsx'],
    effects: ['**'],
    node: [],
    react: ['react.tsx', 'devtools.tsx', 'devtools/**'],
  },
}

/** Tests, and what only they share, may reach anything; nothing may reach them. */
const tests = ['**/*.test.{ts,tsx}', '**/*.test-d.{ts,tsx}', '**/fixtures/**', 'testing/**']

const effectGlobals = new Set([
  ...['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate', 'queueMicrotask'],
  ...['requestAnimationFrame', 'cancelAnimationFrame', 'requestIdleCallback', 'performance', 'crypto', 'process'],
  ...[
    'fetch',
    'XMLHttpRequest',
    'EventSource',
    'WebSocket',
    'BroadcastChannel',
    'MessageChannel',
    'Worker',
    'SharedWorker',
  ],
  ...['window', 'document', 'navigator', 'location', 'localStorage', 'sessionStorage', 'indexedDB'],
  ...[
    'globalThis',
    'self',
    'global',
    'addEventListener',
    'removeEventListener',
    'dispatchEvent',
    'console',
    'Bun',
    'Deno',
  ],
])
const effectMembers = new Set(['Date.now', 'Math.random', 'AbortSignal.timeout'])

/** One broken rule, at one place. */
export interface Violation {
  readonly file: string
  readonly line: number
  readonly rule: string
  readonly message: string
}

/** Where a specifier stands in a file. */
interface Import {
  readonly specifier: string
  readonly line: number
}

/** A source file of a package. `name` is relative to `src`. */
interface Source {
  readonly name: string
  readonly path: string
  readonly tree: ts.SourceFile
  readonly imports: readonly Import[]
}

const within = (name: string, globs: readonly string[]): boolean => globs.some((glob) => matchesGlob(name, glob))

/** Checks every package under `directory/packages`. */
export function checkLayering(directory: string): Violation[] {
  return globSync('packages/*', { cwd: directory })
    .sort()
    .flatMap((folder) => checkPackage(directory, folder))
}

function checkPackage(directory: string, folder: string): Violation[] {
  const rule = rules[folder.replace('packages/', '')]
  if (!rule) {
    return [
      {
        file: folder,
        line: 1,
        rule: 'known-package',
        message: 'This package has no rules yet. Describe its layers in scripts/layering.ts.',
      },
    ]
  }
  const src = join(directory, folder, 'src')
  const paths = globSync('**/*.{ts,tsx}', { cwd: src }).map((name) => join(src, name))
  // No library and no imports: what the checker cannot resolve inside the file is then a global, whatever the scope.
  const program = ts.createProgram(paths, {
    noLib: true,
    noResolve: true,
    types: [],
    allowJs: false,
    jsx: ts.JsxEmit.Preserve,
  })
  const sources = paths.flatMap((path): Source[] => {
    const tree = program.getSourceFile(path)
    return tree ? [{ name: relative(src, path), path, tree, imports: importsOf(tree) }] : []
  })
  const violations: Violation[] = []
  const report = (source: Source, line: number, rule: string, message: string): void => {
    violations.push({ file: relative(directory, source.path), line, rule, message })
  }
  const checked = sources.filter((source) => !within(source.name, tests))
  for (const source of checked) {
    checkImports(source, src, rule, report)
    checkEffects(source, rule, program.getTypeChecker(), report)
  }
  checkGraph(checked, src, rule, report)
  return violations
}

type Report = (source: Source, line: number, rule: string, message: string) => void

/** Rules that one import breaks by itself. */
function checkImports(source: Source, src: string, rule: PackageRules, report: Report): void {
  for (const { specifier, line } of source.imports) {
    const fail = (name: string, message: string): void => report(source, line, name, message)
    if (!specifier.startsWith('.')) {
      checkBareImport(specifier, source, rule, fail)
      continue
    }
    const target = relative(src, resolve(dirname(source.path), specifier))
    if (target.startsWith('..')) {
      fail(
        'own-package',
        `'${specifier}' leaves the package. Import another package by its name, and only its public entry points.`,
      )
    } else if (!existsSync(join(src, target))) {
      fail(
        'full-path',
        `'${specifier}' is not a file. Write relative imports with their extension, as Node reads them.`,
      )
    } else if (within(target, tests)) {
      fail('no-tests', `'${specifier}' is a test. Move what is shared into a source file.`)
    } else if (/(^|\/)index\.tsx?$/.test(target) && dirname(target) !== '.' && !isIndex(source.name)) {
      fail('no-index', `'${specifier}' is an index. Import the file that owns the name.`)
    } else if (/^index\.tsx?$/.test(target)) {
      fail('no-index', `'${specifier}' is the package's index. Import the file that owns the name.`)
    } else if (within(target, rule.leaves) && !sameLeaf(source.name, target, rule.leaves)) {
      fail(
        'leaf',
        `'${target}' is a leaf: an entry point of its own that nobody imports. Move what is shared out of it.`,
      )
    } else if (within(source.name, rule.pure) && !within(target, rule.pure)) {
      fail(
        'pure',
        `'${source.name}' is pure and may import only pure files; '${target}' is not one. Pass what is needed as an argument.`,
      )
    }
  }
}

function checkBareImport(
  specifier: string,
  source: Source,
  rule: PackageRules,
  fail: (rule: string, message: string) => void,
): void {
  if (specifier.startsWith('@sse-hub/') && !rule.ours.includes(specifier)) {
    const allowed = rule.ours.length > 0 ? `only ${rule.ours.join(' and ')}` : 'no other package of ours'
    fail('packages', `'${specifier}' is not for this package, which imports ${allowed}.`)
  }
  if (specifier.startsWith('node:') && !within(source.name, rule.node)) {
    const allowed = rule.node.length > 0 ? `Only ${rule.node.join(' and ')} may` : 'Nothing in this package may'
    fail(
      'any-runtime',
      `'${specifier}' exists only on Node. ${allowed} import it; elsewhere use web standards or a port.`,
    )
  }
  if (/^(react|react-dom|@tanstack\/react-query)(\/|$)/.test(specifier) && !within(source.name, rule.react)) {
    const allowed = rule.react.length > 0 ? `Only ${rule.react.join(' and ')} may` : 'Nothing in this package may'
    fail('react', `'${specifier}' ties this file to React. ${allowed} import it; elsewhere use @tanstack/query-core.`)
  }
}

const isIndex = (name: string): boolean => /(^|\/)index\.tsx?$/.test(name)

const sameLeaf = (from: string, to: string, leaves: readonly string[]): boolean =>
  leaves.some((leaf) => matchesGlob(from, leaf) && matchesGlob(to, leaf))

/** Effects come in through ports, so that a simulated world can run the real code. */
function checkEffects(source: Source, rule: PackageRules, checker: ts.TypeChecker, report: Report): void {
  if (within(source.name, rule.effects)) return
  const remedy = within(source.name, rule.pure)
    ? 'This file is pure: pass the value in as an argument.'
    : `Take it from a port; only ${rule.effects.join(' and ')} may touch the real one.`
  const isGlobal = (node: ts.Identifier): boolean => {
    const symbol = ts.isShorthandPropertyAssignment(node.parent)
      ? checker.getShorthandAssignmentValueSymbol(node.parent)
      : checker.getSymbolAtLocation(node)
    return !symbol?.declarations?.length
  }
  const fail = (node: ts.Node, what: string): void =>
    report(source, lineOf(source.tree, node), 'effects', `'${what}' is an effect. ${remedy}`)
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return
    if (ts.isIdentifier(node) && isReference(node) && isGlobal(node)) {
      const member =
        ts.isPropertyAccessExpression(node.parent) && node.parent.expression === node
          ? `${node.text}.${node.parent.name.text}`
          : ''
      if (effectGlobals.has(node.text)) fail(node, node.text)
      else if (effectMembers.has(member)) fail(node, member)
      else if (node.text === 'Date' && readsTheClock(node.parent, node)) fail(node, 'new Date()')
    }
    ts.forEachChild(node, visit)
  }
  visit(source.tree)
}

/** Whether an identifier names a value, rather than a member, a property or a label. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node
  if (ts.isBindingElement(parent)) return parent.initializer === node
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent) || ts.isImportClause(parent)) return false
  if (ts.isMethodDeclaration(parent) || ts.isMethodSignature(parent) || ts.isPropertySignature(parent)) return false
  if (ts.isPropertyDeclaration(parent)) return parent.initializer === node
  return !ts.isQualifiedName(parent)
}

/** `new Date()` and `Date()` read the clock; `new Date(value)` does not. */
function readsTheClock(parent: ts.Node, node: ts.Node): boolean {
  if (ts.isNewExpression(parent)) return parent.expression === node && !parent.arguments?.length
  return ts.isCallExpression(parent) && parent.expression === node
}

/** Rules about paths of several imports: the direction of data, and circles. */
function checkGraph(sources: readonly Source[], src: string, rule: PackageRules, report: Report): void {
  const byName = new Map(sources.map((source) => [source.name, source]))
  const edges = (source: Source): { to: Source; line: number }[] =>
    source.imports.flatMap(({ specifier, line }) => {
      const to = specifier.startsWith('.') && byName.get(relative(src, resolve(dirname(source.path), specifier)))
      return to ? [{ to, line }] : []
    })
  const rank = (source: Source): number => rule.layers.findIndex((layer) => within(source.name, layer))
  const told = new Set<string>()

  for (const start of sources) {
    const cameFrom = new Map<Source, Source>()
    const route = (end: Source): string => {
      const names = [end.name]
      for (let step = cameFrom.get(end); step && step !== start; step = cameFrom.get(step)) names.unshift(step.name)
      return [start.name, ...names].join(' → ')
    }
    const queue = edges(start).map((edge) => ({ ...edge, first: edge.line, from: start }))
    for (const { to, first, from } of queue) {
      if (cameFrom.has(to)) continue
      cameFrom.set(to, from)
      if (to === start) {
        const members = route(start)
        const key = [...new Set(members.split(' → '))].sort().join()
        if (!told.has(key))
          report(start, first, 'no-cycles', `${members} is a circle. Move what both need into a file of its own.`)
        told.add(key)
        continue
      }
      if (rank(start) >= 0 && rank(to) > rank(start)) {
        report(
          start,
          first,
          'direction',
          `${route(to)} goes upward. ${describe(rule)} The lower file must not know the higher one.`,
        )
        continue
      }
      queue.push(...edges(to).map((edge) => ({ ...edge, first, from: to })))
    }
  }
}

const describe = (rule: PackageRules): string =>
  `Data flows ${rule.layers.map((layer) => layer.join(', ')).join(' → ')}.`

/** Every module that a file names: static, type-only, re-exported, dynamic and `import('…')` types. */
function importsOf(tree: ts.SourceFile): Import[] {
  const found: Import[] = []
  const add = (node: ts.Node | undefined): void => {
    if (node && ts.isStringLiteralLike(node)) found.push({ specifier: node.text, line: lineOf(tree, node) })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0])
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

const lineOf = (tree: ts.SourceFile, node: ts.Node): number =>
  tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1

if (import.meta.main) {
  const violations = checkLayering(root)
  for (const { file, line, rule, message } of violations) console.error(`${file}:${line}  ${rule}  ${message}`)
  const files = globSync('packages/*/src/**/*.{ts,tsx}', { cwd: root }).length
  console.log(
    violations.length === 0 ? `${files} files keep the layering.` : `\n${violations.length} places break the layering.`,
  )
  process.exitCode = violations.length === 0 ? 0 : 1
}
