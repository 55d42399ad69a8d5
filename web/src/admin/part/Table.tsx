/**
 * A table that is as wide as its rows: where that is more than the page, it is moved by itself, also by the keyboard.
 */
import type { ReactNode } from "react"

/** A column by its name; with figures it stands to the right, and where its buttons say all its name is not seen. */
export type Head = string | { readonly name: string; readonly is: "number" | "buttons" }

const HeadCell = ({ head }: { readonly head: Head }) => {
  if (typeof head === "string") return <th scope="col">{head}</th>
  switch (head.is) {
    case "number":
      return (
        <th scope="col" className="number">
          {head.name}
        </th>
      )
    case "buttons":
      return (
        <th scope="col">
          <span className="hidden">{head.name}</span>
        </th>
      )
  }
}

/** A column of figures. */
export const figures = (name: string): Head => ({ name, is: "number" })

/** The column of what can be done. */
export const buttons: Head = { name: "What can be done", is: "buttons" }

/** The table. `children` are its rows. */
export const Table = ({
  children,
  className = "",
  heads,
  label,
  name = ""
}: {
  readonly label: string
  readonly heads: ReadonlyArray<Head>
  readonly children: ReactNode
  /** Of what it is moved in. */
  readonly className?: string
  /** Of the table. */
  readonly name?: string
}) => (
  <div className={`scrolls ${className}`.trim()} tabIndex={0} role="region" aria-label={`${label}, as a table`}>
    <table className={`table ${name}`.trim()}>
      <thead>
        <tr>
          {heads.map((head) => (
            <HeadCell key={typeof head === "string" ? head : head.name} head={head} />
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
)
