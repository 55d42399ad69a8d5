/**
 * What went wrong, in full: the relay's words, its code, the path, the id to look for in the log.
 */
import type { Failure } from "../Failure.ts"
import { Copy } from "./Copy.tsx"

const titleOf = (failure: Failure): string => {
  switch (failure._tag) {
    case "Refused":
      return failure.message
    case "Unreachable":
      return "The relay did not answer"
    case "NotSent":
      return failure.message
    case "Aborted":
      return "Stopped"
  }
}

/** The failure, and a button that tries again where that is possible. */
export const Problem = ({ failure, retry }: { readonly failure: Failure; readonly retry?: () => void }) => (
  <div className="problem" role="alert">
    <p className="problem-title">{titleOf(failure)}</p>
    {failure._tag === "Unreachable" ? <p>{failure.message}.</p> : null}
    {failure._tag === "Refused" && failure.details.length > 0 ? (
      <ul className="problem-details">
        {failure.details.map(({ field, message }) => (
          <li key={field + message}>
            <code>{field}</code> {message}
          </li>
        ))}
      </ul>
    ) : null}
    {failure._tag === "Aborted" || failure._tag === "NotSent" ? null : (
      <p className="problem-where">
        {failure._tag === "Refused" ? (
          <code>
            {failure.status} {failure.code}
          </code>
        ) : null}
        <code>
          {failure.method} {failure.path}
        </code>
        {failure._tag === "Refused" && failure.requestId !== undefined ? <Copy text={failure.requestId} /> : null}
      </p>
    )}
    {retry === undefined ? null : (
      <button type="button" className="button small" onClick={retry}>
        Try again
      </button>
    )}
  </div>
)
