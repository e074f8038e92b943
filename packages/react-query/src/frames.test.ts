import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { frameScheduler } from './frames.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'requestAnimationFrame'] }))
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('frameScheduler', () => {
  it('tells all that has changed in the next frame, in one task and in order', () => {
    const frames = vi.spyOn(globalThis, 'requestAnimationFrame')
    const schedule = frameScheduler()
    const heard: string[] = []
    for (const name of ['a', 'b', 'c']) schedule(() => heard.push(name))
    expect(heard).toEqual([])
    vi.advanceTimersToNextFrame()
    expect(heard).toEqual(['a', 'b', 'c'])
    expect(frames).toHaveBeenCalledTimes(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('tells in the frame after what comes of what is told', () => {
    const schedule = frameScheduler()
    const heard: string[] = []
    schedule(() => schedule(() => heard.push('later')))
    vi.advanceTimersToNextFrame()
    expect(heard).toEqual([])
    vi.advanceTimersToNextFrame()
    expect(heard).toEqual(['later'])
  })

  it.each([
    ['a page that nobody sees', () => 1],
    ['no browser', undefined],
  ])('tells within 100 ms where there are no frames: %s', (_, requestAnimationFrame) => {
    vi.stubGlobal('requestAnimationFrame', requestAnimationFrame)
    const schedule = frameScheduler()
    const heard = vi.fn()
    schedule(heard)
    vi.advanceTimersByTime(100)
    expect(heard).toHaveBeenCalledTimes(1)
    schedule(heard)
    vi.advanceTimersByTime(100)
    expect(heard).toHaveBeenCalledTimes(2)
  })

  it('tells the others when one throws, which stays an error of its own', () => {
    const schedule = frameScheduler()
    const heard = vi.fn()
    schedule(() => {
      throw new Error('a component')
    })
    schedule(heard)
    vi.advanceTimersToNextFrame()
    expect(heard).toHaveBeenCalledOnce()
    expect(() => vi.advanceTimersByTime(1)).toThrow('a component')
  })
})
