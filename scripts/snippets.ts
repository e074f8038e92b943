// Type-checks the code in the documentation against the packages, so that no reader copies an example that does not compile.
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import ts from 'typescript'
import { root } from './lib/repo.ts'

/** One block of code, and where a reader finds it. */
interface Snippet {
  /** The line of the block's first line of code, from 1. */
  readonly line: number
  readonly extension: 'ts' | 'tsx'
  readonly code: string
}

/** A place in a document, and what is wrong there. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly message: string
}

/** What a check found. */
export interface Checked {
  readonly snippets: number
  readonly problems: readonly Problem[]
}

/** The fenced blocks of TypeScript in a Markdown text; those marked `no-check` are left out. */
function snippetsIn(text: string): Snippet[] {
  const found: Snippet[] = []
  const lines = text.split('\n')
  let open: { fence: string; info: string; line: number; indent: number } | undefined
  let code: string[] = []
  for (const [index, line] of lines.entries()) {
    const fence = /^(\s*)(`{3,}|~{3,})\s*(.*)$/.exec(line)
    if (!open) {
      if (fence) open = { fence: fence[2] ?? '', info: fence[3] ?? '', line: index + 2, indent: fence[1]?.length ?? 0 }
      code = []
    } else if (fence?.[2]?.startsWith(open.fence) && !fence[3]) {
      const [language, ...marks] = open.info.split(/\s+/)
      if ((language === 'ts' || language === 'tsx') && !marks.includes('no-check')) {
        found.push({ line: open.line, extension: language, code: code.join('\n') })
      }
      open = undefined
    } else {
      code.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)))
    }
  }
  return found
}

/** The docstrings of a source file as Markdown, every line where it stands in the file. */
function docstringsOf(text: string): string {
  const keepLines = (code: string): string => code.replace(/[^\n]/g, '')
  let markdown = ''
  let end = 0
  for (const match of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    markdown += keepLines(text.slice(end, match.index))
    markdown += match[0].replace(/^\/\*\*|\*\/$/g, '').replace(/^[ \t]*\* ?/gm, '')
    end = match.index + match[0].length
  }
  return markdown
}

/** An `@example` whose code is not in a fence is one that we could not check. */
function unfencedExamples(file: string, markdown: string): Problem[] {
  return markdown.split('\n').flatMap((line, index, lines) => {
    if (!line.trim().startsWith('@example')) return []
    const following = lines.slice(index + 1).find((next) => next.trim() !== '')
    if (following?.trim().startsWith('```')) return []
    return [
      {
        file,
        line: index + 1,
        message: 'Put the code of this @example into a ```ts fence, so that it can be checked.',
      },
    ]
  })
}

/** Checks the snippets of the given files, whose paths are relative to the repository. `read` answers their text. */
export function checkSnippets(files: readonly string[], read: (file: string) => string): Checked {
  const problems: Problem[] = []
  const modules = new Map<string, { file: string; text: string }>()
  let count = 0
  for (const file of files) {
    const isSource = /\.tsx?$/.test(file)
    const markdown = isSource ? docstringsOf(read(file)) : read(file)
    if (isSource) problems.push(...unfencedExamples(file, markdown))
    for (const { line, extension, code } of snippetsIn(markdown)) {
      count += 1
      const name = /^\/\/ file: (\S+\.tsx?)\s*$/m.exec(code.split('\n', 1)[0] ?? '')?.[1] ?? `line-${line}.${extension}`
      const path = join(root, '.snippets', file, name)
      const before = modules.get(path)?.text ?? ''
      // Each line of code keeps the line number that it has in the document; a file told in two blocks goes on.
      const padding = '\n'.repeat(Math.max(0, line - before.split('\n').length))
      modules.set(path, { file, text: `${before}${padding}${code}` })
    }
  }
  shareReadme(modules)
  return { snippets: count, problems: [...problems, ...compile(modules)] }
}

/** An example in a docstring may import what the README tells: one contract for all of them. */
function shareReadme(modules: Map<string, { file: string; text: string }>): void {
  const told = [...modules].filter(([path, { file }]) => file === 'README.md' && !/^line-/.test(basename(path)))
  const sources = new Set([...modules.values()].map(({ file }) => file).filter((file) => /\.tsx?$/.test(file)))
  for (const source of sources) {
    for (const [path, module] of told) {
      const own = join(root, '.snippets', source, basename(path))
      if (!modules.has(own)) modules.set(own, module)
    }
  }
}

/** The modules exist only in memory, in a folder below the root: there they find the packages as an application would. */
function compile(modules: ReadonlyMap<string, { file: string; text: string }>): Problem[] {
  const base = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile).config as {
    compilerOptions: object
  }
  const { options } = ts.parseJsonConfigFileContent(
    {
      compilerOptions: { ...base.compilerOptions, jsx: 'react-jsx', noUnusedLocals: false, noUnusedParameters: false },
      files: [],
    },
    ts.sys,
    root,
  )
  const host = ts.createCompilerHost(options)
  const folders = new Set([...modules.keys()].map((path) => dirname(path)))
  const { fileExists, readFile, directoryExists } = host
  host.fileExists = (path) => modules.has(path) || fileExists(path)
  host.readFile = (path) => modules.get(path)?.text ?? readFile(path)
  host.directoryExists = (path) => folders.has(path) || (directoryExists?.(path) ?? true)
  const getSourceFile = host.getSourceFile
  host.getSourceFile = (path, version, ...rest) => {
    const own = modules.get(path)
    return own ? ts.createSourceFile(path, own.text, version) : getSourceFile(path, version, ...rest)
  }
  const program = ts.createProgram([...modules.keys()], options, host)
  return [...modules].flatMap(([path, { file }]) => {
    const source = program.getSourceFile(path)
    if (!source) return []
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      (diagnostic) => ({
        file,
        line: source.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line + 1,
        message: ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n    '),
      }),
    )
  })
}

/** Every document whose code is checked. */
const documents = (): string[] =>
  globSync(['*.md', 'docs/**/*.md', 'packages/*/README.md', 'packages/*/src/**/*.{ts,tsx}', 'examples/*/README.md'], {
    cwd: root,
    exclude: ['docs/reference/**', '**/*.test.*'],
  }).sort()

if (import.meta.main) {
  const files = documents()
  const { snippets, problems } = checkSnippets(files, (file) => readFileSync(join(root, file), 'utf8'))
  for (const { file, line, message } of problems) console.error(`${relative('.', file)}:${line}  ${message}`)
  if (problems.length === 0) console.log(`${snippets} snippets in ${files.length} files compile.`)
  else console.error('\nMend the code, or mark a block that cannot compile alone as ```ts no-check.')
  process.exitCode = problems.length === 0 ? 0 : 1
}
