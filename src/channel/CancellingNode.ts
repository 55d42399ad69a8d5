/**
 * Calls that are being cancelled: a server that writes for somebody else is told why before its socket is closed. Each is
 * over when the server has answered, cannot be asked, or has not answered in time.
 */
import { Effect } from "effect"
import type { UpstreamCall, UpstreamSink } from "./Upstream.ts"

/** How long a server may take to answer, in milliseconds: what it writes meanwhile is thrown away. */
const patience = 1000

/** Those of a layer. */
export class Cancelling {
  private underWay = 0
  private onOver: ReadonlyArray<() => void> = []

  /** Begins one. `ask` opens the call that tells the server, `over` is called once. */
  begin(ask: (sink: UpstreamSink) => UpstreamCall, over: () => void): void {
    this.underWay++
    let answered = false
    let ended = false
    const answer = (): void => {
      if (answered) return
      answered = true
      over()
    }
    const end = (): void => {
      if (ended) return
      ended = true
      clearTimeout(timer)
      answer()
      this.ended()
    }
    // Its answer is read to its end all the same, so that the socket can be kept.
    const call = ask({ onHead: answer, onData: () => {}, onEnd: end, onError: end })
    const timer = setTimeout(() => {
      call.abort()
      end()
    }, patience)
  }

  private ended(): void {
    this.underWay--
    if (this.underWay > 0) return
    const waiting = this.onOver
    this.onOver = []
    for (const resume of waiting) resume()
  }

  /** Succeeds when none is under way. */
  readonly over: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.underWay === 0) return resume(Effect.void)
    this.onOver = [...this.onOver, () => resume(Effect.void)]
  })
}
