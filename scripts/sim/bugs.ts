// The deliberate bugs: each must be found by the checks within a few hundred seeds, or the checks are not worth their time.

/** One deliberate bug. */
export interface Bug {
  readonly name: string
  /** What it breaks. */
  readonly breaks: string
  /** The check that must find it; any, if none is named. */
  readonly by?: string
  /** The file, from the root of the repository. */
  readonly file: string
  /** Whether it is looked for in worlds that have a browser with tabs. */
  readonly tabs?: boolean
  /** Whether it is looked for in worlds whose pages have live queries. */
  readonly queries?: boolean
  /** Snippets, each in the file exactly once, and what replaces them. */
  readonly edits: readonly (readonly [replace: string, by: string])[]
  /** Another file that must be wrong as well, where two guards stand behind each other. */
  readonly also?: Pick<Bug, 'file' | 'edits'>
}

const client = 'packages/core/src'
const server = 'packages/server/src'
const queries = 'packages/react-query/src'

/** All of them. */
export const bugs: readonly Bug[] = [
  {
    name: 'skip the dedupe',
    breaks: 'what is sent again is heard again',
    file: `${client}/sequence.ts`,
    edits: [
      [' => !place || lead(place, member.mark) > 0)', ' => member)'],
      ['if (lead(place, done) <= 0) return []', ''],
    ],
  },
  {
    name: 'commit the cursor before dispatch',
    breaks: 'an id whose event is cut off counts as heard',
    file: `${client}/sources/chunks.ts`,
    edits: [
      [
        'parser.feed(decoder.decode(value, { stream: true }))',
        `const text = decoder.decode(value, { stream: true })
    parser.feed(text)
    const rest = text.slice(text.lastIndexOf('\\n\\n') + 1)
    const id = /^id: (.*)\\n/m.exec(rest)?.[1]
    if (id && !rest.includes('hub.sync')) callbacks.onEvent?.({ event: 'hub.beat', id, data: '' })`,
      ],
    ],
  },
  {
    name: 'send the head as the heartbeat',
    breaks: 'a connection that is behind claims what it has not sent',
    file: `${server}/connection/connection.ts`,
    edits: [
      [
        'queue.show(this.#hub.beat(epoch, position))',
        'queue.show(this.#hub.beat(epoch, this.#hub.tail.at?.position ?? position))',
      ],
    ],
  },
  {
    name: 'read before tail',
    breaks: 'a connection that has read goes live, whatever the tail said meanwhile',
    file: `${server}/connection/catching-up.ts`,
    edits: [['if (!this.#isOver && end?.epoch === epoch && position >= end.position)', 'if (!this.#isOver)']],
  },
  {
    name: 'announce no gap',
    breaks: 'the client learns of a gap and tells nobody',
    file: `${client}/subscriptions.ts`,
    edits: [['told?.forEach((gap, { listener }) => void call(listener?.onGap, gap))', '']],
  },
  {
    name: 'say no gap',
    breaks: 'the hub starts elsewhere than asked without a word',
    file: `${server}/connection/catching-up.ts`,
    edits: [['gaps.push(openingGap(after, topics, missed))', '{}']],
  },
  {
    name: 'announce too many gaps',
    breaks: 'the log says that it dropped what it holds',
    file: `${server}/logs/memory.ts`,
    edits: [
      [
        "if (after.position < dropped) return gap('trimmed')",
        "if (dropped > 0 && after.position < dropped + 3) return gap('trimmed')",
      ],
    ],
  },
  {
    name: 'fall behind and stay there',
    breaks: 'a slow reader loses what did not fit',
    file: `${server}/connection/connection.ts`,
    edits: [['return this.#fallBehind()', 'return']],
  },
  {
    name: 'deliver what does not fit',
    breaks: 'an event that the contract does not know any more is handed out',
    by: 'an event that does not fit is announced',
    file: `${server}/publishing/vetting.ts`,
    edits: [['return error === undefined\n', 'return true\n']],
  },
  {
    name: 'never ask again',
    breaks: 'a grant that was withdrawn is good for ever',
    file: `${server}/requests/gate.ts`,
    edits: [['void watch.recheck()', '{}']],
  },
  {
    name: 'forget the producers',
    breaks: 'an emit whose answer was lost is accepted twice',
    by: 'acknowledged means kept, once',
    file: `${server}/logs/producers.ts`,
    edits: [
      ['check: (mark) => checkNext(', 'check: () => {}, never: (mark: ProducerMark) => checkNext('],
      ['if (!state) return { last: 0, result: undefined }', 'return { last: seq - 1, result: undefined }'],
    ],
  },
  {
    name: 'leave streams open at the switch',
    breaks: 'the kill switch keeps new clients out, and no more',
    file: `${server}/hub.ts`,
    edits: [["everybody('disabled', awayMs)", '']],
  },
  {
    name: 'miss the client going away',
    breaks: 'a connection whose reader has cancelled is held on to',
    file: `${server}/wire/body.ts`,
    edits: [['cancel: () => outlet.closed()', 'cancel: () => {}']],
  },
  {
    name: 'sleep through silence',
    breaks: 'a half-open connection looks alive',
    file: `${client}/connection.ts`,
    edits: [['wait(ms || Number.POSITIVE_INFINITY,', 'wait(syncedAt === undefined ? ms : undefined,']],
  },
  {
    name: 'retry at once',
    breaks: 'clients hammer a hub that is down',
    file: `${client}/backoff.ts`,
    edits: [['floorMs + random *', 'floorMs + 0 *']],
  },
  {
    name: 'say good-bye too early',
    breaks: 'something follows what should be the last word',
    file: `${server}/connection/queue.ts`,
    edits: [
      [
        '[...this.#waiting, ...(this.#passing?.values() ?? []), last]',
        '[...this.#waiting, last, ...(this.#passing?.values() ?? [])]',
      ],
    ],
  },
  {
    name: 'outlive the grant',
    breaks: 'a stream goes on when its grant has run out',
    file: `${server}/requests/gate.ts`,
    edits: [['this.#expireAt(access.expiresAt)', '']],
  },
  {
    name: 'drop what is not kept',
    breaks: 'ephemeral events reach nobody, not even who is there',
    file: `${server}/connection/connection.ts`,
    edits: [['const outcome = this.#queue.pass(passing)', "const outcome = 'dropped'"]],
  },
  {
    name: 'refuse what is granted',
    breaks: 'of more than two topics, the others are refused',
    file: `${server}/requests/asked.ts`,
    edits: [['filter((topic) => read.has(topic)).toSorted()', 'filter((topic) => read.has(topic)).sort().slice(0, 2)']],
  },
  {
    name: 'turn emits away at the switch',
    breaks: 'the kill switch stops emits as well',
    file: `${server}/hub.ts`,
    edits: [
      [
        '// Not `closed`, which no client knows.',
        "if (disabled) throw new HubError('disabled', '', { retryable: true })",
      ],
    ],
  },
  {
    name: 'stamp another user',
    breaks: 'what one user emits goes out as another',
    file: `${server}/requests/judge.ts`,
    edits: [['{ user: access.user }', "{ user: 'bob' }"]],
  },
  {
    name: 'buffer without end',
    breaks: 'whoever reads slowly fills the memory of the hub',
    file: `${server}/connection/queue.ts`,
    edits: [
      ['waiting === 0 || waiting + frame.length <= this.#hub.bufferBytes()', 'waiting >= 0 || frame !== undefined'],
    ],
  },
  {
    name: 'lead for yourself',
    breaks: 'the leading tab asks for its own topics only',
    file: `${client}/tabs/leader.ts`,
    tabs: true,
    edits: [['...[...guests.values()].flatMap(({ topics }) => topics)', '']],
  },
  {
    name: 'begin where the leader is',
    breaks: 'a tab that is behind does not ask for what it lacks',
    file: `${client}/tabs/follower.ts`,
    tabs: true,
    edits: [['if (lacks()) {', 'if (lacks() && topics.length === 0) {']],
  },
  {
    name: 'share with everybody',
    breaks: 'two users of one browser share one stream',
    file: `${client}/tabs/shared.ts`,
    tabs: true,
    edits: [[' $' + '{identity}`', '`']],
    also: {
      file: `${client}/tabs/follower.ts`,
      edits: [
        ['? frame.user === user && isCarried(news)', '? isCarried(news)'],
        ['if (view?.sync && view.sync.user !== user && view.term !== strangeTerm) {', 'if (!view) {'],
        ['if (sync.user !== user || !isCarried()) {', 'if (!isCarried()) {'],
      ],
    },
  },
  {
    name: 'never give way',
    breaks: 'a tab that hears of a newer leader goes on leading',
    file: `${client}/tabs/election.ts`,
    tabs: true,
    edits: [['if (own && own < newest) {', 'if (own && own < newest && !leads) {']],
  },
  {
    name: 'forget the term',
    breaks: 'what a leader of before says when it has thawed is believed',
    file: `${client}/tabs/shared.ts`,
    tabs: true,
    edits: [['} else if (!stream && election.isCurrent(message.term)) {', '} else if (!stream) {']],
  },
  {
    name: 'forget what the probe has said',
    breaks: 'a stream is gone over to, and what it brought while it was watched is dropped',
    file: `${client}/sources/detour.ts`,
    edits: [['return flow(said)', 'return flow(said.slice(0, 1))']],
  },
  {
    name: 'go over to any stream',
    breaks: 'a stream that could not be resumed is gone over to, whatever the pages have told of',
    file: `${client}/sources/detour.ts`,
    edits: [['if (!said.some(isLoss) && before === losses) {', 'if (said[0]) {']],
  },
  {
    name: 'read pages and stream at once',
    breaks: 'the pages go on beside the stream that has taken their place, and what they say is handed on in between',
    file: `${client}/sources/detour.ts`,
    edits: [
      [
        'choose(part)\n              current = stream',
        'chosen = part\n              cancel()\n              current = stream',
      ],
    ],
  },
  {
    name: 'probe without a pause',
    breaks: 'beside the pages, one stream is tried after the other',
    file: `${client}/sources/detour.ts`,
    edits: [['Math.max(LEAST_PAUSE_MS, breaker.probeAt - clock.now())', 'LEAST_PAUSE_MS * 0']],
  },
  {
    name: 'take the gap of the leader',
    breaks: 'a tab that is further than the stream is told what the stream has lost',
    file: `${client}/tabs/follower.ts`,
    tabs: true,
    edits: [[": frame.kind !== 'gap' ||", ': true ||']],
  },
  {
    name: 'ask in peace',
    breaks: 'a tab that follows asks for what it could have had from the leader',
    file: `${client}/tabs/follower.ts`,
    tabs: true,
    edits: [['frames.every((frame) => fits(frame, news))', 'frames.every((frame) => fits(frame, news)) && n % 2 > 0']],
  },
  {
    name: 'end no probe',
    breaks: 'a stream that is tried beside the pages stays open for good',
    file: `${client}/sources/source.ts`,
    tabs: true,
    edits: [['question.get(to, as, { signal, ...init })', 'question.get(to, as, { ...init, signal })']],
  },
  {
    name: 'probe from the head',
    breaks: 'the way back from pages to the stream begins where the log ends, not where the pages are',
    file: `${client}/sources/detour.ts`,
    edits: [['stream,\n          cursor,', 'stream,\n          undefined,']],
  },
  {
    name: 'look for no way back',
    breaks: 'whoever reads pages once reads them for good',
    file: `${client}/breaker.ts`,
    edits: [['const probeAt = nowMs +', 'const probeAt = nowMs + 3_600_000 +']],
  },
  {
    name: 'ask for a page for each event',
    breaks: 'pages of a busy topic are asked for as fast as they are answered',
    file: `${client}/sources/poll.ts`,
    edits: [['if (!page.more) await least', 'if (page.events.length === 0) await least']],
  },
  {
    name: 'pass for whoever leads',
    breaks: 'a tab takes the stream of another user for its own',
    by: 'a tab hears only what came to its own browser and user',
    file: `${client}/tabs/shared.ts`,
    tabs: true,
    edits: [
      [' $' + '{identity}`', '`'],
      [
        'follower?.hear(message)',
        `follower?.hear({
      ...message,
      sync: message.sync && { ...message.sync, user: identity },
      frames: message.frames.map((frame) => (frame.kind === 'sync' ? { ...frame, user: identity } : frame)),
    })`,
      ],
    ],
  },
  {
    name: 'tell the others late',
    breaks: 'the tabs that follow hear of everything after a while',
    by: 'what one tab hears, the others hear soon',
    file: `${client}/tabs/leader.ts`,
    tabs: true,
    edits: [
      [
        'if (guests.size > 0) post({ ...said, n })',
        'const late = { ...said, n }\n    if (guests.size > 0) clock.after(2_500, () => post(late))',
      ],
    ],
  },
  {
    name: 'do not wait as told',
    breaks: 'a client that is told how long to wait asks when it likes',
    file: `${client}/connection.ts`,
    edits: [['Math.max(byeMs ?? jitterMs, attempt', 'Math.max(jitterMs / 10, attempt']],
  },
  {
    name: 'stay away',
    breaks: 'a client that is told that the hub is disabled never asks again',
    file: `${client}/connection.ts`,
    edits: [['      wait(retryInMs)\n', "      if (error.code !== 'disabled') wait(retryInMs)\n"]],
  },
  {
    name: 'close and go on',
    breaks: 'a client that is closed leaves its timers behind',
    file: `${client}/connection.ts`,
    edits: [["rest({ phase: 'closed' })", "tell({ phase: 'closed' })"]],
  },
  {
    name: 'trust no cursor',
    breaks: 'whoever read state and cursor must read again',
    file: `${client}/sequence.ts`,
    edits: [['if (after !== undefined && !mark) member.lost', 'if (after !== undefined) member.lost']],
  },
  {
    name: 'skip over on a page',
    breaks: 'a page claims the event that did not fit on it',
    file: `${server}/requests/page.ts`,
    edits: [['position = event.position - 1', 'position = event.position']],
  },
  {
    name: 'promise what is not kept',
    breaks: 'an emit is said to be kept before the storage has taken it',
    file: `${client}/outbox/keeper.ts`,
    edits: [
      [
        '      await storage.write(kept, away)\n',
        '      for (const one of all) one.kept = true\n      await storage.write(kept, away)\n',
      ],
    ],
  },
  {
    name: 'number anew what is taken over',
    breaks: 'what a page has left behind is sent under another number than it was',
    file: `${client}/outbox/queue.ts`,
    edits: [['return { ...emit, kept: true,', "return { ...emit, producer: emit.producer + 'x', kept: true,"]],
  },
  {
    name: 'forget what is left behind',
    breaks: 'nobody takes over what a page has left',
    file: `${client}/outbox/queue.ts`,
    edits: [['all = [...(adopted ?? []), ...all]', 'all = adopted ? [...all] : all']],
  },
  {
    name: 'say it once more at the end',
    breaks: 'an ephemeral emit that is on its way goes out again as its page is put away',
    file: `${client}/outbox/outbox.ts`,
    edits: [['({ seq, sent }) => !seq && sent,', '({ seq, sent }) => seq > 0 && !seq && sent,']],
  },
  {
    name: 'drop the journal',
    breaks: 'the answer of a fetch overwrites what came while it was under way',
    by: 'live queries equal the server',
    file: `${queries}/join.ts`,
    queries: true,
    edits: [['const events = journal ?? []', 'const events: HubEvent[] = []']],
  },
  {
    name: 'skip the second read',
    breaks: 'what happened between an answer without a cursor and the stream is lost',
    by: 'live queries equal the server',
    file: `${queries}/join.ts`,
    queries: true,
    edits: [['if (isOther || !cursor || isAfter(to, cursor))', 'if (cursor && isAfter(to, cursor))']],
  },
  {
    name: 'keep what has failed',
    breaks: 'a change that the server has refused goes on being shown',
    by: 'live queries equal the server',
    file: `${queries}/changes.ts`,
    queries: true,
    edits: [['change.events = []\n        if (isGone) drop(change)\n        else show()', '']],
  },
  {
    name: 'roll back by snapshot',
    breaks: 'a change that fails takes back what others have changed since',
    by: 'what is deleted stays deleted',
    file: `${queries}/changes.ts`,
    queries: true,
    edits: [
      [
        'const list: Change[] = []',
        'const list: Change[] = []\n  const snapshots = new WeakMap<object, unknown[][]>()',
      ],
      [
        'if (isGone) drop(change)\n        else show()',
        `if (isGone) drop(change)
        else show()
        for (const [query, data] of (snapshots.get(change.mutation) ?? []) as [{ setData(data: unknown): void }, unknown][])
          if (data !== undefined) query.setData(data)`,
      ],
      [
        'const begun = begin(mutation, made)\n',
        `const begun = begin(mutation, made)
      snapshots.set(mutation, queryClient.getQueryCache().getAll().map((query) => [query, query.state.data]))
`,
      ],
    ],
  },
  {
    name: 'keep a temporary id',
    breaks: 'what a page has made stays beside what the server calls it',
    by: 'no item shows twice',
    file: `${queries}/overlay.ts`,
    queries: true,
    // Either would do: what is shown on top, beside what was heard, bears its name.
    edits: [
      ['confirmed.add(mine)\n', ''],
      ['if (isExpected) Object.assign(expected, said)\n', ''],
    ],
  },
  {
    name: 'invalidate everything at a gap',
    breaks: 'a gap of one topic reads all queries again',
    by: 'no fetch without a reason',
    file: `${queries}/join.ts`,
    queries: true,
    edits: [['    gap({ to, reason }) {\n', '    gap({ to, reason }) {\n      void queryClient.invalidateQueries()\n']],
  },
  {
    name: 'poll while up',
    breaks: 'whoever has a fallback polls all the time',
    by: 'queries poll while the hub is away, one tab for all',
    file: `${queries}/connect.ts`,
    queries: true,
    edits: [['set(query, live, !heard)', 'set(query, false, !heard)']],
  },
  {
    name: 'never stop polling',
    breaks: 'whoever has begun to poll goes on when the hub is back',
    by: 'queries poll while the hub is away, one tab for all',
    file: `${queries}/fallback.ts`,
    queries: true,
    edits: [
      ['before.isQuiet === isQuiet) return', 'before.isQuiet === isQuiet || (before && isLive && pollMs)) return'],
    ],
  },
  {
    name: 'never poll again',
    breaks: 'whoever has polled once waits for the hub for ever',
    by: 'queries poll while the hub is away, one tab for all',
    file: `${queries}/fallback.ts`,
    queries: true,
    edits: [['poll.readAt = clock.now() - poll.pollMs * less\n', 'poll.readAt = Number.POSITIVE_INFINITY\n']],
  },
  {
    name: 'poll at once',
    breaks: 'all who lose the hub ask the API in that very moment',
    by: 'queries poll while the hub is away, one tab for all',
    file: `${queries}/fallback.ts`,
    queries: true,
    edits: [['return GRACE_MS + chance * SPREAD_MS', 'return 0']],
  },
  {
    name: 'poll for yourself',
    breaks: 'each tab of a browser polls',
    by: 'queries poll while the hub is away, one tab for all',
    file: `${queries}/fallback.ts`,
    queries: true,
    tabs: true,
    edits: [['if (!tabs?.locks || !user', 'if (!tabs?.locks || tabs || !user']],
  },
  {
    name: 'poll unseen',
    breaks: 'pages that nobody sees, or that are offline, poll',
    by: 'queries poll while the hub is away, one tab for all',
    file: `${queries}/fallback.ts`,
    queries: true,
    edits: [['if (!focusManager.isFocused() || !onlineManager.isOnline()) return halt(poll)', '']],
  },
  {
    name: 'hurry the client',
    breaks: 'a client for which somebody waits asks all the time, also where the hub has asked for time',
    by: 'queries poll while the hub is away, one tab for all',
    file: `${queries}/fallback.ts`,
    queries: true,
    edits: [['return byeMs === undefined && !retryAfterMs ? status.retryInMs : 0', 'return status.retryInMs']],
  },
  {
    name: 'go stale while covered',
    breaks: 'each mount reads again what events keep in step',
    by: 'no fetch without a reason',
    file: `${queries}/live.ts`,
    queries: true,
    edits: [['?.()) return Number.POSITIVE_INFINITY', '?.()) return 0']],
  },
  {
    name: 'tell late tabs of nobody',
    breaks: 'a tab that comes when the stream is there already never learns who is',
    by: 'who is there is told',
    file: `${client}/tabs/leader.ts`,
    tabs: true,
    edits: [['to: tab, present })', 'to: tab })']],
  },
  {
    name: 'take an answer for a sign of life',
    breaks: 'a leader whose stream is silent keeps the others in their belief, as often as they ask',
    by: 'live means hearing something',
    file: `${client}/tabs/follower.ts`,
    tabs: true,
    edits: [['if (late[0]) take(late)', 'take(news.present ?? [])']],
  },
  {
    name: 'leave the mutation pending',
    breaks: 'a mutation that was answered never ends',
    by: 'nothing pending is left',
    file: `${queries}/mutation.ts`,
    queries: true,
    edits: [['      return data\n    },\n    onMutate', '      return new Promise(() => {})\n    },\n    onMutate']],
  },
]
