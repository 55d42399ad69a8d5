/**
 * A moment, by the clock of who looks; as the relay's log has it, by UTC, for who points at it.
 */
import { clock, iso, moment, nothing } from "../Format.ts"

/** It in short, as it stands in a row of a list. */
export const Time = ({ at }: { readonly at: number | undefined }) =>
  at === undefined ? (
    nothing
  ) : (
    <time dateTime={iso(at)} title={`${moment(at)}, ${iso(at)}`}>
      {clock(at, Date.now())}
    </time>
  )
