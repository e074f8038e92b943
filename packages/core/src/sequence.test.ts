// Proves what a client has, is told and asks for, as stories in tables: every line is one thing that happens and what must follow.
import { describe, expect, test } from 'vitest'
import type { HubEvent } from './contract/contract.ts'
import type { Gap, GapReason } from './contract/wire.ts'
import { createSequence, isAfter, type Member, type TopicGap } from './sequence.ts'

/** What happens, and what must follow. Members are named by one word; a gap that is told reads `name: reason from → to`. */
type Step =
  | readonly ['join', name: string, topic: string, after?: string]
  | readonly ['behind']
  | readonly ['leave', name: string]
  | readonly ['resume', after: string | undefined]
  | readonly ['sync', cursor: string, topics: string, gaps: string, told: string]
  | readonly ['event', cursor: string | undefined, topic: string, hearers: string]
  | readonly ['gap', gap: string, told: string]
  | readonly ['beat', cursor: string]
  | readonly ['wrong', cursor: string]

interface Story {
  readonly name: string
  readonly steps: readonly Step[]
}

const stories: readonly Story[] = [
  {
    name: 'a first stream: everything is added; then each event once, in order',
    steps: [
      ['join', 'A', 'a'],
      ['join', 'B', 'b'],
      ['resume', undefined],
      ['sync', 'e:5', 'a,b', '', 'A: added → e:5, B: added → e:5'],
      ['event', 'e:6', 'a', 'A'],
      ['event', 'e:6', 'a', ''],
      ['event', 'e:4', 'b', ''],
      ['event', 'e:8', 'b', 'B'],
      ['event', undefined, 'a', 'A'],
      ['resume', 'e:8'],
      ['sync', 'e:8', 'a,b', '', ''],
      ['event', 'e:8', 'b', ''],
      ['event', 'e:9', 'b', 'B'],
    ],
  },
  {
    name: 'a beat moves everybody',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:5', 'a', '', 'A: added → e:5'],
      ['beat', 'e:50'],
      ['resume', 'e:50'],
    ],
  },
  {
    name: 'a topic that joins is added, and the others lose nothing',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:5', 'a', '', 'A: added → e:5'],
      ['event', 'e:6', 'a', 'A'],
      ['join', 'B', 'b'],
      ['resume', 'e:6'],
      ['sync', 'e:6', 'a,b', '', 'B: added → e:6'],
      ['event', 'e:7', 'b', 'B'],
    ],
  },
  {
    name: 'a topic that leaves loses its mark',
    steps: [
      ['join', 'A', 'a'],
      ['join', 'B', 'b'],
      ['resume', undefined],
      ['sync', 'e:5', 'a,b', '', 'A: added → e:5, B: added → e:5'],
      ['leave', 'A'],
      ['resume', 'e:5'],
      ['sync', 'e:5', 'b', '', ''],
      ['beat', 'e:9'],
      ['join', 'A', 'a'],
      ['resume', 'e:9'],
      ['sync', 'e:9', 'a,b', '', 'A: added → e:9'],
    ],
  },
  {
    name: 'who joins without a cursor while a stream from further on is asked for begins where that stream does',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:5', 'a', '', 'A: added → e:5'],
      ['join', 'B', 'b', 'e:6'],
      ['resume', 'e:5'],
      ['sync', 'e:5', 'a,b', '', ''],
      ['leave', 'A'],
      ['resume', 'e:6'],
      ['join', 'C', 'b'],
      ['sync', 'e:6', 'b', '', ''],
      ['event', 'e:7', 'b', 'B C'],
    ],
  },
  {
    name: 'who joins without a cursor while the stream catches up for somebody else begins where the others have come to',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:34', 'a', '', 'A: added → e:34'],
      ['join', 'B', 'b', 'e:3'],
      ['resume', 'e:3'],
      ['sync', 'e:3', 'a,b', '', ''],
      ['event', 'e:7', 'b', 'B'],
      ['join', 'C', 'a'],
      ['event', 'e:20', 'a', ''],
      ['gap', 'a,b trimmed e:20 → e:34', 'again'],
      ['resume', 'e:34'],
      ['sync', 'e:34', 'a,b', '', 'B: trimmed e:20 → e:34'],
      ['event', 'e:35', 'a', 'A C'],
    ],
  },
  {
    name: 'what was read up to a cursor is not added: the stream starts there, and nobody else hears anything twice',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:5', 'a', '', 'A: added → e:5'],
      ['beat', 'e:9'],
      ['join', 'B', 'b', 'e:6'],
      ['resume', 'e:6'],
      ['sync', 'e:6', 'a,b', '', ''],
      ['event', 'e:7', 'a', ''],
      ['event', 'e:8', 'b', 'B'],
      ['resume', 'e:8'],
      ['sync', 'e:8', 'a,b', '', ''],
      ['event', 'e:9', 'a', ''],
      ['event', 'e:10', 'a', 'A'],
    ],
  },
  {
    name: 'of several cursors of one topic the oldest counts, and each hears what it lacks',
    steps: [
      ['join', 'A', 'a', 'e:9'],
      ['join', 'B', 'a', 'e:7'],
      ['join', 'C', 'a'],
      ['resume', 'e:7'],
      ['sync', 'e:7', 'a', '', 'C: added → e:7'],
      ['event', 'e:8', 'a', 'B C'],
      ['event', 'e:10', 'a', 'A B C'],
    ],
  },
  {
    name: 'who joins a covered topic: without a cursor whole from here on; with a newer one spared what it has',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:5', 'a', '', 'A: added → e:5'],
      ['beat', 'e:9'],
      ['join', 'B', 'a'],
      ['join', 'D', 'a', 'e:9'],
      ['join', 'E', 'a', 'e:11'],
      ['event', 'e:11', 'a', 'A B D'],
      ['event', 'e:12', 'a', 'A B D E'],
      ['resume', 'e:12'],
    ],
  },
  {
    name: 'who joins a covered topic with an older cursor: the stream is asked for again from there, and nobody hears anything twice',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:5', 'a', '', 'A: added → e:5'],
      ['event', 'e:9', 'a', 'A'],
      ['join', 'B', 'a', 'e:7'],
      ['behind'],
      ['event', 'e:10', 'a', 'A'],
      ['beat', 'e:11'],
      ['resume', 'e:7'],
      ['sync', 'e:7', 'a', '', ''],
      ['event', 'e:9', 'a', 'B'],
      ['event', 'e:10', 'a', 'B'],
      ['event', 'e:12', 'a', 'A B'],
    ],
  },
  {
    name: 'the same where the log has dropped what it lacks: only it is told',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:50', 'a', '', 'A: added → e:50'],
      ['join', 'B', 'a', 'e:7'],
      ['behind'],
      ['resume', 'e:7'],
      ['sync', 'e:60', 'a', 'a trimmed e:7 → e:60', 'again'],
      ['resume', 'e:50'],
      ['sync', 'e:50', 'a', '', 'B: trimmed e:7 → e:50'],
      ['event', 'e:51', 'a', 'A B'],
    ],
  },
  {
    name: 'and where it is of another epoch',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:5', 'a', '', 'A: added → e:5'],
      ['join', 'B', 'a', 'other:100'],
      ['behind'],
      ['resume', 'e:5'],
      ['sync', 'e:5', 'a', '', 'B: added other:100 → e:5'],
    ],
  },
  {
    name: 'who joins a covered topic while the stream is away starts where it was left',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:5', 'a', '', 'A: added → e:5'],
      ['beat', 'e:9'],
      ['resume', 'e:9'],
      ['join', 'B', 'a'],
      ['sync', 'e:9', 'a', '', ''],
      ['event', 'e:10', 'a', 'A B'],
    ],
  },
  {
    name: 'who brings a cursor while the question is on its way waits for the next one, unless the answer begins there',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['join', 'B', 'a', 'e:3'],
      ['join', 'C', 'a', 'e:6'],
      ['sync', 'e:5', 'a', '', 'A: added → e:5'],
      ['behind'],
      ['event', 'e:6', 'a', 'A'],
      ['resume', 'e:3'],
      ['sync', 'e:3', 'a', '', ''],
      ['event', 'e:4', 'a', 'B'],
      ['event', 'e:6', 'a', 'B'],
      ['event', 'e:7', 'a', 'A B C'],
    ],
  },
  {
    name: 'who joins a topic that everybody had left, while the question is on its way, is added',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:13', 'a', '', 'A: added → e:13'],
      ['leave', 'A'],
      ['join', 'B', 'b', 'e:18'],
      ['resume', 'e:18'],
      ['join', 'C', 'a'],
      ['sync', 'e:18', 'a,b', '', 'C: added → e:18'],
    ],
  },
  {
    name: 'when everybody has left, nothing is remembered',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:5', 'a', '', 'A: added → e:5'],
      ['leave', 'A'],
      ['resume', undefined],
      ['join', 'B', 'a'],
      ['resume', undefined],
      ['sync', 'e:99', 'a', '', 'B: added → e:99'],
      ['leave', 'B'],
      ['resume', undefined],
      ['join', 'C', 'a', 'new:7'],
      ['resume', 'new:7'],
    ],
  },
  {
    name: 'a cursor of another epoch than the others is worth nothing',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:5', 'a', '', 'A: added → e:5'],
      ['join', 'B', 'b', 'old:3'],
      ['resume', 'e:5'],
      ['sync', 'e:5', 'a,b', '', 'B: added old:3 → e:5'],
    ],
  },
  {
    name: 'unless it is the epoch that the stream turns out to be of',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:5', 'a', '', 'A: added → e:5'],
      ['join', 'B', 'b', 'new:3'],
      ['resume', 'e:5'],
      ['sync', 'new:3', 'a,b', 'a,b epoch e:5 → new:3', 'A: epoch e:5 → new:3'],
      ['event', 'new:4', 'b', 'B'],
    ],
  },
  {
    name: 'a mark of another epoch is worth nothing to who joined too late for the stream that told of it',
    steps: [
      ['join', 'A', 'a'],
      ['join', 'B', 'b'],
      ['resume', undefined],
      ['sync', 'e:50', 'a,b', '', 'A: added → e:50, B: added → e:50'],
      ['leave', 'B'],
      ['resume', 'e:50'],
      ['join', 'C', 'b', 'new:3'],
      ['sync', 'new:3', 'a', 'a epoch e:50 → new:3', 'A: epoch e:50 → new:3'],
      ['resume', 'new:3'],
      ['sync', 'new:3', 'a,b', '', ''],
      ['event', 'new:4', 'b', 'C'],
    ],
  },
  {
    name: 'trimmed while away: everybody is told, and goes on from the head',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:5', 'a', '', 'A: added → e:5'],
      ['resume', 'e:5'],
      ['sync', 'e:90', 'a', 'a trimmed e:5 → e:90', 'A: trimmed e:5 → e:90'],
      ['event', 'e:91', 'a', 'A'],
    ],
  },
  {
    name: 'trimmed, but only as far as the most backward goes: the others are kept whole by asking once more',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:50', 'a', '', 'A: added → e:50'],
      ['join', 'B', 'b', 'e:3'],
      ['resume', 'e:3'],
      ['sync', 'e:90', 'a,b', 'a,b trimmed e:3 → e:90', 'again'],
      ['resume', 'e:50'],
      ['sync', 'e:50', 'a,b', '', 'B: trimmed e:3 → e:50'],
      ['event', 'e:51', 'a', 'A'],
      ['event', 'e:52', 'b', 'B'],
    ],
  },
  {
    name: 'trimmed only as far as somebody goes who has left meanwhile',
    steps: [
      ['join', 'A', 'a', 'e:3'],
      ['join', 'B', 'b', 'e:50'],
      ['resume', 'e:3'],
      ['leave', 'A'],
      ['sync', 'e:90', 'a,b', 'a,b trimmed e:3 → e:90', 'again'],
      ['resume', 'e:50'],
      ['sync', 'e:50', 'b', '', ''],
    ],
  },
  {
    name: 'trimmed further than anybody goes: asked once more, then told',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:50', 'a', '', 'A: added → e:50'],
      ['join', 'B', 'b', 'e:3'],
      ['resume', 'e:3'],
      ['sync', 'e:90', 'a,b', 'a,b trimmed e:3 → e:90', 'again'],
      ['resume', 'e:50'],
      ['sync', 'e:90', 'a,b', 'a,b trimmed e:50 → e:90', 'A: trimmed e:50 → e:90, B: trimmed e:3 → e:90'],
      ['resume', 'e:90'],
    ],
  },
  {
    name: 'another epoch while away',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:50', 'a', '', 'A: added → e:50'],
      ['resume', 'e:50'],
      ['sync', 'f:2', 'a', 'a epoch e:50 → f:2', 'A: epoch e:50 → f:2'],
      ['event', 'f:3', 'a', 'A'],
      ['resume', 'f:3'],
    ],
  },
  {
    name: 'a head behind what we had: the marks are worth nothing, and what comes again is heard again',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:50', 'a', '', 'A: added → e:50'],
      ['resume', 'e:50'],
      ['sync', 'e:30', 'a', 'a epoch e:50 → e:30', 'A: epoch e:50 → e:30'],
      ['event', 'e:31', 'a', 'A'],
    ],
  },
  {
    name: 'a hub that starts elsewhere without a word is not believed',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:50', 'a', '', 'A: added → e:50'],
      ['resume', 'e:50'],
      ['sync', 'e:60', 'a', '', 'A: added e:50 → e:60'],
      ['resume', 'e:60'],
      ['sync', 'g:1', 'a', '', 'A: added e:60 → g:1'],
    ],
  },
  {
    name: 'gaps of an open stream concern whom they name, and only what was not there already',
    steps: [
      ['join', 'A', 'a'],
      ['join', 'B', 'b', 'e:40'],
      ['resume', 'e:40'],
      ['sync', 'e:40', 'a,b', '', 'A: added → e:40'],
      ['gap', 'a schema e:40 → e:41', 'A: schema e:40 → e:41'],
      ['gap', 'b trimmed e:41 → e:60', 'B: trimmed e:41 → e:60'],
      ['event', 'e:60', 'b', ''],
      ['event', 'e:61', 'b', 'B'],
      ['gap', 'a trimmed e:1 → e:60', ''],
      ['gap', 'c trimmed e:61 → e:70', ''],
      ['resume', 'e:70'],
    ],
  },
  {
    name: 'what joins an open stream and cannot be placed lacks what the next gap lacks, too',
    steps: [
      ['join', 'A', 'a'],
      ['join', 'B', 'b'],
      ['resume', undefined],
      ['sync', 'e:40', 'a,b', '', 'A: added → e:40, B: added → e:40'],
      ['join', 'C', 'a', 'old:6'],
      ['join', 'D', 'b', 'old:6'],
      ['gap', 'a schema e:40 → e:41', 'A: schema e:40 → e:41, C: added old:6 → e:41, D: added old:6 → e:41'],
      ['event', 'e:42', 'a', 'A C'],
    ],
  },
  {
    name: 'trimmed in an open stream, while somebody is further: asked once more for the others',
    steps: [
      ['join', 'A', 'a', 'e:5'],
      ['join', 'B', 'a', 'e:9'],
      ['resume', 'e:5'],
      ['sync', 'e:5', 'a', '', ''],
      ['gap', 'a trimmed e:5 → e:20', 'again'],
      ['resume', 'e:9'],
      ['sync', 'e:9', 'a', '', 'A: trimmed e:5 → e:9'],
      ['event', 'e:10', 'a', 'A B'],
    ],
  },
  {
    name: 'a cursor of a former epoch that waits for a grant does not stand in the way of one that counts',
    steps: [
      ['join', 'A', 'a', 'old:6'],
      ['resume', 'old:6'],
      ['join', 'B', 'b', 'new:3'],
      ['sync', 'new:9', 'b', '', ''],
      ['behind'],
      ['resume', 'new:3'],
      ['sync', 'new:3', 'b', '', ''],
      ['event', 'new:4', 'b', 'B'],
      ['resume', 'new:4'],
      ['sync', 'new:4', 'a,b', '', 'A: added old:6 → new:4'],
    ],
  },
  {
    name: 'a replay brings a gap that is behind a mark: it was told before',
    steps: [
      ['join', 'A', 'a', 'e:9'],
      ['join', 'B', 'b', 'e:5'],
      ['resume', 'e:5'],
      ['sync', 'e:5', 'a,b', '', ''],
      ['gap', 'a schema e:6 → e:7', ''],
      ['gap', 'b schema e:7 → e:8', 'B: schema e:7 → e:8'],
      ['event', 'e:9', 'a', ''],
      ['event', 'e:10', 'a', 'A'],
    ],
  },
  {
    name: 'a new epoch in an open stream concerns everybody',
    steps: [
      ['join', 'A', 'a'],
      ['join', 'B', 'b'],
      ['resume', undefined],
      ['sync', 'e:40', 'a,b', '', 'A: added → e:40, B: added → e:40'],
      ['gap', 'a epoch → f:3', 'A: epoch e:40 → f:3, B: epoch e:40 → f:3'],
      ['wrong', 'e:41'],
      ['event', 'f:3', 'b', ''],
      ['event', 'f:4', 'b', 'B'],
      ['resume', 'f:4'],
    ],
  },
  {
    name: 'whatever the reason that is given, and whomever it names',
    steps: [
      ['join', 'A', 'a'],
      ['join', 'B', 'b'],
      ['resume', undefined],
      ['sync', 'e:40', 'a,b', '', 'A: added → e:40, B: added → e:40'],
      ['gap', 'a schema → f:3', 'A: schema e:40 → f:3, B: schema e:40 → f:3'],
      ['resume', 'f:3'],
    ],
  },
  {
    name: 'a cursor of another epoch, without a gap, is no hub',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['sync', 'e:40', 'a', '', 'A: added → e:40'],
      ['wrong', 'f:41'],
    ],
  },
  {
    name: 'a refused topic holds nobody back, and is added when it is granted after all',
    steps: [
      ['join', 'A', 'a'],
      ['join', 'B', 'b', 'e:7'],
      ['resume', 'e:7'],
      ['sync', 'e:7', 'a', '', 'A: added → e:7'],
      ['event', 'e:8', 'b', ''],
      ['beat', 'e:20'],
      ['resume', 'e:20'],
      ['sync', 'e:20', 'a,b', '', 'B: added e:7 → e:20'],
      ['leave', 'A'],
      ['resume', 'e:20'],
    ],
  },
  {
    name: 'a grant that is taken away and given again: nothing is heard twice',
    steps: [
      ['join', 'A', 'a'],
      ['join', 'B', 'b'],
      ['join', 'C', 'c', 'e:2'],
      ['resume', 'e:2'],
      ['sync', 'e:2', 'a,b', '', 'A: added → e:2, B: added → e:2'],
      ['event', 'e:9', 'b', 'B'],
      ['resume', 'e:9'],
      ['sync', 'e:9', 'a', '', ''],
      ['event', undefined, 'b', ''],
      ['beat', 'e:12'],
      ['join', 'D', 'a', 'e:8'],
      ['behind'],
      ['resume', 'e:8'],
      ['sync', 'e:8', 'a,b', '', ''],
      ['event', 'e:9', 'b', ''],
      ['event', 'e:10', 'b', 'B'],
    ],
  },
  {
    name: 'a grant that is taken away and given again, with something in between',
    steps: [
      ['join', 'A', 'a'],
      ['join', 'B', 'b'],
      ['resume', undefined],
      ['sync', 'e:7', 'a,b', '', 'A: added → e:7, B: added → e:7'],
      ['resume', 'e:7'],
      ['sync', 'e:7', 'a', '', ''],
      ['beat', 'e:9'],
      ['resume', 'e:9'],
      ['sync', 'e:9', 'a,b', '', 'B: added e:7 → e:9'],
    ],
  },
  {
    name: 'who joins a topic that was covered, while a stream without it is on its way, waits for the next one',
    steps: [
      ['join', 'A', 'a'],
      ['join', 'B', 'b'],
      ['resume', undefined],
      ['sync', 'e:7', 'a,b', '', 'A: added → e:7, B: added → e:7'],
      ['leave', 'B'],
      ['resume', 'e:7'],
      ['join', 'C', 'b'],
      ['sync', 'e:7', 'a', '', ''],
      ['event', 'e:8', 'b', ''],
      ['beat', 'e:9'],
      ['resume', 'e:9'],
      ['sync', 'e:9', 'a,b', '', 'C: added → e:9'],
    ],
  },
  {
    name: 'who joins while the question is on its way: covered by the answer, or waiting for the next one',
    steps: [
      ['join', 'A', 'a'],
      ['resume', undefined],
      ['join', 'B', 'a'],
      ['join', 'C', 'c', 'e:3'],
      ['sync', 'e:5', 'a', '', 'A: added → e:5, B: added → e:5'],
      ['resume', 'e:3'],
      ['sync', 'e:3', 'a,c', '', ''],
      ['event', 'e:4', 'c', 'C'],
    ],
  },
  {
    name: 'a source that goes on in another way says from where: who lies before that waits for its own question, and is told no gap',
    steps: [
      ['join', 'A', 'a', 'e:3'],
      ['resume', 'e:3'],
      ['sync', 'e:3', 'a', '', ''],
      ['event', 'e:10', 'a', 'A'],
      ['join', 'B', 'a', 'e:5'],
      ['sync', 'e:8', 'a', '', ''],
      ['event', 'e:9', 'a', ''],
      ['event', 'e:10', 'a', ''],
      ['event', 'e:11', 'a', 'A'],
      ['behind'],
      ['resume', 'e:5'],
      ['sync', 'e:5', 'a', '', ''],
      ['event', 'e:9', 'a', 'B'],
    ],
  },
  {
    name: "`user` is the user's own topic, from its cursor on",
    steps: [
      ['join', 'U', 'user', 'e:3'],
      ['resume', 'e:3'],
      ['sync', 'e:3', 'user:u1', '', ''],
      ['event', 'e:4', 'user:u1', 'U'],
      ['join', 'V', 'user:u1'],
      ['event', 'e:5', 'user:u1', 'U V'],
      ['gap', 'user:u1 trimmed e:5 → e:9', 'U: trimmed e:5 → e:9, V: trimmed e:5 → e:9'],
    ],
  },
]

/** Reads `topics reason from → to`. */
function gapOf(text: string): Gap {
  const [topics = '', reason = '', ...rest] = text.split(' ')
  const [from, to = ''] = rest.join(' ').split('→')
  const gap = { topics: topics.split(','), reason: reason as GapReason, to: to.trim() }
  return from?.trim() ? { ...gap, from: from.trim() } : gap
}

const written = ({ from, to, reason }: TopicGap) => [reason, from, '→', to].filter(Boolean).join(' ')

describe('a sequence', () => {
  test.each(stories)('$name', ({ steps }) => {
    const members = new Map<string, Member>()
    const set = new Set<Member>()
    const sequence = createSequence(set)
    const nameOf = (member: Member) => [...members].find(([, other]) => other === member)?.[0]
    const list = (told: ReadonlyMap<Member, TopicGap> | undefined) =>
      told ? [...told].map(([member, gap]) => `${nameOf(member)}: ${written(gap)}`).join(', ') : 'again'
    let asked: string[] = []
    for (const [index, step] of steps.entries()) {
      const where = `step ${index}: ${step}`
      switch (step[0]) {
        case 'join': {
          const [, name, topic, after] = step
          const member = { topic }
          sequence.join(member, after)
          members.set(name, member)
          set.add(member)
          break
        }
        case 'behind':
          expect(sequence.isBehind(), where).toBe(true)
          break
        case 'leave':
          set.delete(members.get(step[1]) as Member)
          members.delete(step[1])
          break
        case 'resume':
          asked = [...members.values()].map(({ topic }) => topic)
          expect(sequence.resume(), where).toBe(step[1])
          break
        case 'sync': {
          const [, cursor, topics, gaps, told] = step
          const sync = { cursor, topics: topics.split(','), user: 'u1', heartbeatMs: 2_000 }
          expect(list(sequence.sync({ ...sync, gaps: gaps ? [gapOf(gaps)] : [] }, asked)), where).toBe(told)
          break
        }
        case 'event': {
          const [, cursor, topic, hearers] = step
          const event = { type: 't', topic, data: 1, at: 1, id: 'x', ...(cursor === undefined ? {} : { cursor }) }
          expect(
            sequence
              .hearers(event satisfies HubEvent)
              .map(nameOf)
              .join(' '),
            where,
          ).toBe(hearers)
          if (cursor !== undefined) sequence.commit(cursor)
          break
        }
        case 'gap':
          expect(list(sequence.gap(gapOf(step[1]))), where).toBe(step[2])
          break
        case 'beat':
          sequence.commit(step[1])
          break
        case 'wrong':
          expect(() => sequence.commit(step[1]), where).toThrow(expect.objectContaining({ code: 'protocol' }))
      }
    }
  })

  test('another user has other events: nothing of the former one counts', () => {
    const own: Member = { topic: 'user' }
    const board: Member = { topic: 'a' }
    const sequence = createSequence(new Set([own, board]))
    const sync = { cursor: 'e:3', gaps: [], heartbeatMs: 2_000 }
    sequence.resume()
    sequence.sync({ ...sync, topics: ['a', 'user:u1'], user: 'u1' }, ['a', 'user'])
    sequence.resume()
    const told = sequence.sync({ ...sync, topics: ['a', 'user:u2'], user: 'u2' }, ['a', 'user'])
    expect([...(told ?? [])]).toEqual([[own, { topic: 'user:u2', to: 'e:3', reason: 'added' }]])
  })

  test('an anonymous user has no topic of its own', () => {
    const own: Member = { topic: 'user' }
    const sequence = createSequence(new Set([own]))
    sequence.resume()
    const told = sequence.sync({ cursor: 'e:3', gaps: [], topics: [], user: null }, ['user'])
    expect(told?.size).toBe(0)
    expect(sequence.full('user')).toBe('user')
    expect(sequence.user()).toBe(null)
  })
})

test.each([
  ['e:5', 'e:4', true],
  ['e:5', 'e:5', false],
  ['e:9', 'e:10', false],
  ['f:1', 'e:10', true],
  ['e:1', 'no cursor', true],
])('%s after %s: %s', (cursor, after, expected) => {
  expect(isAfter(cursor, after)).toBe(expected)
})
