// Who is there: at the end every page that reads a stream knows who is connected, as the hub says it.
import type { Check } from './check.ts'

/** Line 14, of presence. */
export const attendance: Check = {
  name: 'who is there is told',
  line: '14',
  run(facts, found) {
    const { pages = [], present = [] } = facts.final ?? {}
    const at = facts.endedAt
    const asked = new Map(facts.all('request').map(({ exchange, url }) => [exchange, topicsOf(url)]))
    const browserOf = new Map(facts.all('opened').map(({ page, browser }) => [page, browser]))
    const readsPages = new Set(pages.flatMap(({ page, status }) => (status.via === 'poll' ? browserOf.get(page) : [])))
    let looked = 0
    for (const { topic, users } of present) {
      const said = new Set(users)
      for (const { page, user, status, screens } of pages) {
        const screen = screens.find((one) => one.topic === topic && one.state === 'live')
        if (status.phase !== 'live' || !screen) continue
        looked++
        if (!said.has(user)) found({ at, what: `the hub does not count ${user} on ${topic}, which page ${page} reads` })
        const isTold = status.via === 'sse' || (status.via === 'tab' && !readsPages.has(browserOf.get(page)))
        const told = [...(screen.present ?? [])].sort().join()
        if (isTold && told !== [...users].sort().join())
          found({ at, what: `page ${page} was told of "${told}" on ${topic}, where the hub counts "${users.join()}"` })
      }
      for (const user of users) {
        const isThere = pages.some(
          (page) =>
            page.user === user &&
            (page.status.via === 'poll' || page.streams.some((one) => asked.get(one)?.includes(topic))),
        )
        if (!isThere) found({ at, what: `the hub counts ${user} on ${topic}, and nobody of that name reads it` })
      }
    }
    return looked
  },
}

const topicsOf = (url: string) => new URL(url, 'http://hub').searchParams.get('topics')?.split(',') ?? []
