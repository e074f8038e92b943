// Makes the public API a file that is reviewed: what every entry point exports, with its signature, is kept in docs/api and compared.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'
import { type Package, packages, root } from './lib/repo.ts'

const config = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(root, 'packages/react-query/tsconfig.json'), ts.sys.readFile).config,
  ts.sys,
  join(root, 'packages/react-query'),
)

/** The whole public API of one package, as text. */
export function publicApi({ entries }: Package): string {
  const program = ts.createProgram(
    entries.map(({ source }) => source),
    config.options,
  )
  const checker = program.getTypeChecker()
  return entries
    .map(({ specifier, source }) => `# ${specifier}\n\n${describeEntry(program, checker, source)}`)
    .join('\n')
}

function describeEntry(program: ts.Program, checker: ts.TypeChecker, source: string): string {
  const file = program.getSourceFile(source)
  const module = file && checker.getSymbolAtLocation(file)
  if (!module) throw new Error(`${relative(root, source)} is not a module.`)
  return checker
    .getExportsOfModule(module)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((symbol) => `${describe(checker, symbol)}\n`)
    .join('')
}

const printer = ts.createPrinter({ removeComments: true })
const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.WriteArrowStyleSignature

/** Types are shown as they are written; of values only the type, since the body is nobody's business. */
function describe(checker: ts.TypeChecker, exported: ts.Symbol): string {
  const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
  const declarations = symbol.declarations ?? []
  const types = declarations.filter((node) => ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))
  const lines = types.map((node) => tidy(printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile())))
  const value = symbol.valueDeclaration
  if (value && ts.isClassDeclaration(value)) {
    lines.push(`class ${exported.name}`, ...membersOf(checker, symbol, value))
  } else if (value) {
    const type = checker.getTypeOfSymbolAtLocation(symbol, value)
    const calls = type.getCallSignatures()
    if (ts.isFunctionDeclaration(value) || calls.length > 0) {
      for (const call of calls)
        lines.push(
          `function ${exported.name}${checker.signatureToString(call, undefined, ts.TypeFormatFlags.NoTruncation)}`,
        )
    } else lines.push(`const ${exported.name}: ${checker.typeToString(type, undefined, flags)}`)
  }
  return lines.join('\n')
}

/** A class by its constructor and its public members. */
function membersOf(checker: ts.TypeChecker, symbol: ts.Symbol, node: ts.ClassDeclaration): string[] {
  const constructors = checker.getTypeOfSymbolAtLocation(symbol, node).getConstructSignatures()
  const members = node.members.filter((member) => {
    const hidden = ts.getCombinedModifierFlags(member) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)
    return member.name && !ts.isPrivateIdentifier(member.name) && !hidden
  })
  return [
    ...constructors.map(
      (signature) => `  new ${checker.signatureToString(signature, undefined, ts.TypeFormatFlags.NoTruncation)}`,
    ),
    ...members.map((member) => {
      const kind = ts.isGetAccessor(member) ? 'get ' : ts.isSetAccessor(member) ? 'set ' : ''
      const type = checker.typeToString(checker.getTypeAtLocation(member), undefined, flags)
      return `  ${kind}${member.name?.getText()}: ${type}`
    }),
  ]
}

const tidy = (text: string): string => text.replace(/^export (declare )?/, '').replace(/;$/gm, '')

/** Where the API of a package is kept. */
const fileOf = ({ folder }: Package): string => join(root, 'docs/api', `${folder}.txt`)

if (import.meta.main) {
  const write = process.argv.includes('--write')
  for (const one of packages) {
    const file = fileOf(one)
    const now = publicApi(one)
    const before = existsSync(file) ? readFileSync(file, 'utf8') : ''
    if (write) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, now)
    } else if (now !== before) {
      process.exitCode = 1
      console.error(
        `${relative(root, file)} does not say what ${one.name} exports. If the change is meant, run \`pnpm api --write\` and review it.`,
      )
      for (const line of difference(before, now)) console.error(`  ${line}`)
    }
  }
}

/** Lines that went and lines that came; enough to see what changed. */
function difference(before: string, now: string): string[] {
  const [old, young] = [before.split('\n'), now.split('\n')]
  return [
    ...old.filter((line) => !young.includes(line)).map((line) => `- ${line}`),
    ...young.filter((line) => !old.includes(line)).map((line) => `+ ${line}`),
  ].slice(0, 40)
}
