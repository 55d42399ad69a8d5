/**
 * A button that changes something on the relay. Who may only look sees it, and is told why it does nothing.
 */
import type { ReactNode } from "react"
import { useAdmin } from "./Admin.ts"

/** The button. It can be reached by the keyboard also when it does nothing: else nobody would read why. */
export const ChangeButton = ({
  children,
  danger = false,
  label,
  locked,
  onClick,
  primary = false
}: {
  readonly children: ReactNode
  readonly onClick: () => void
  readonly danger?: boolean
  readonly primary?: boolean
  /** What it is called where its words are not enough. */
  readonly label?: string
  /** Why it cannot be done, by anybody. */
  readonly locked?: string | undefined
}) => {
  const { permission, tell } = useAdmin()
  const why = permission._tag === "Reads" ? permission.why : locked
  return (
    <button
      type="button"
      className={`button small${danger ? " danger" : ""}${primary ? " primary" : ""}`}
      aria-disabled={why !== undefined}
      title={why}
      aria-label={label}
      onClick={() => (why === undefined ? onClick() : tell(why))}
    >
      {children}
    </button>
  )
}
