// Reads a stream's bytes off the wire, strictly by docs/PROTOCOL.md §3.3 and without any code of the product, so that the product cannot excuse itself.

/** The fields of one block. */
export interface Block {
  readonly event?: string
  readonly id?: string
  readonly data?: string
  readonly retry?: string
}

/** Turns bytes into blocks, whole ones only. */
export interface Tap {
  /** The blocks that these bytes complete. */
  read(bytes: Uint8Array): Block[]
  /** What the protocol does not allow, in the order in which it came. */
  readonly offences: readonly string[]
}

/** Makes a tap for one stream. */
export function openTap(): Tap {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const offences: string[] = []
  let rest = ''

  const parse = (text: string): Block | undefined => {
    const block: Record<string, string> = {}
    let comments = 0
    for (const line of text.split('\n')) {
      if (line.startsWith(':')) {
        comments++
        continue
      }
      const [, name, value] = /^(event|id|data|retry):(?: (.*))?$/s.exec(line) ?? []
      if (name === undefined) offences.push(`not a field with exactly one space: ${JSON.stringify(line)}`)
      else if (name in block) offences.push(`${name} twice in a block`)
      else block[name] = value ?? ''
      if (/[\r\0\ufffd]/.test(line)) offences.push(`CR, NUL or broken UTF-8 in ${JSON.stringify(line)}`)
    }
    return comments > 0 && Object.keys(block).length === 0 ? undefined : block
  }

  return {
    offences,
    read(bytes) {
      rest += decoder.decode(bytes, { stream: true })
      const blocks: Block[] = []
      for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
        const block = parse(rest.slice(0, end))
        if (block) blocks.push(block)
        rest = rest.slice(end + 2)
      }
      return blocks
    },
  }
}
