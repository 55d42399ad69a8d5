/**
 * A part of the page by what is known of it.
 */
import type { ReactNode } from "react"
import { ago } from "../Format.ts"
import { Problem } from "./Problem.tsx"
import { type Load, useNow } from "./useLoad.ts"

/** Lines that stand where something is to come. */
export const Skeleton = ({ lines = 4 }: { readonly lines?: number }) => (
  <div className="skeleton-lines" role="status">
    <span className="hidden">Loading</span>
    {Array.from({ length: lines }, (_, index) => (
      <span key={index} className="skeleton-line" aria-hidden="true" />
    ))}
  </div>
)

/** That there is nothing, and what that means. */
export const Empty = ({ children, title }: { readonly title: string; readonly children?: ReactNode }) => (
  <div className="empty">
    <p className="empty-title">{title}</p>
    {children === undefined ? null : <p>{children}</p>}
  </div>
)

const Stale = ({ at, retry }: { readonly at: number; readonly retry: () => void }) => {
  const now = useNow()
  return (
    <p className="stale" role="status">
      The last look failed. This is from {ago(at, now)}.{" "}
      <button type="button" className="link" onClick={retry}>
        Look again
      </button>
    </p>
  )
}

/** What is known, or why not. `what` says what is not there in this relay. */
export const Show = <A,>({
  children,
  lines,
  load,
  reload,
  what
}: {
  readonly load: Load<A>
  readonly reload: () => void
  readonly what: string
  readonly lines?: number
  readonly children: (value: A) => ReactNode
}) => {
  switch (load._tag) {
    case "Loading":
      return <Skeleton {...(lines === undefined ? {} : { lines })} />
    case "Failed":
      return <Problem failure={load.failure} retry={reload} />
    case "Absent":
      return (
        <Empty title={`${what}: not available`}>This relay does not have that part, or it is switched off there.</Empty>
      )
    case "Loaded":
      return (
        <>
          {load.failure === undefined ? null : <Stale at={load.at} retry={reload} />}
          {children(load.value)}
        </>
      )
  }
}
