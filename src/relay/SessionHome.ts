/**
 * One answer's session: where it would be asked first, whether it was, and where the session is at home afterwards.
 */
import type { Affinity, Home, Target } from "../channel/index.ts"

/**
 * What became of a session's preference: `hit`, it was asked where it is at home · `miss`, nobody knew where that is ·
 * `away`, it was asked elsewhere, since its home is not well, or of a lower tier.
 */
export type AffinityResult = "hit" | "miss" | "away"

const homeOf = ({ channel, keyIndex }: Target): Home => ({ channel: channel.id, key: Math.max(keyIndex, 0) })

/** The home of one answer's session. */
export class SessionHome {
  /** Where it was answered last. */
  readonly home: Home | undefined
  private readonly affinity: Affinity
  private readonly session: string
  private told = false

  constructor(affinity: Affinity, session: string, now: number) {
    this.affinity = affinity
    this.session = session
    this.home = affinity.find(session, now)
  }

  /** What the first target that is asked says of it; of further ones, which are no preference any more, nothing. */
  first(target: Target): AffinityResult | undefined {
    if (this.told) return undefined
    this.told = true
    if (this.home === undefined) return "miss"
    const { channel, key } = homeOf(target)
    return channel === this.home.channel && key === this.home.key ? "hit" : "away"
  }

  /** A target has answered well. */
  keep(target: Target, now: number): void {
    this.affinity.keep(this.session, homeOf(target), now)
  }
}
