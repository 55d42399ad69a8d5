/**
 * Who changed what, when, from what to what.
 */
import { useState } from "react"
import { moment, nothing, written } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { Dialog } from "../part/Dialog.tsx"
import { Copy } from "../part/Copy.tsx"
import { pageSize } from "../part/pages.ts"
import { Empty } from "../part/Show.tsx"
import { Time } from "../part/Time.tsx"
import { usePages } from "../part/usePages.ts"
import { type Column, VirtualList } from "../part/VirtualList.tsx"
import type { AuditRow } from "./AuditRow.ts"
import { differences } from "./differences.ts"

const Difference = ({ row }: { readonly row: AuditRow }) => {
  const all = differences(row.before, row.after)
  const [first] = all
  if (first === undefined) return nothing
  return (
    <>
      <code>{first.path}</code> {written(first.before)} → {written(first.after)}
      {all.length > 1 ? <span className="quiet"> and {all.length - 1} more</span> : null}
    </>
  )
}

const columns: ReadonlyArray<Column<AuditRow>> = [
  { name: "At", column: "c-at", of: (row) => <Time at={row.at} /> },
  { name: "Who", column: "c-who", of: (row) => (row.who === "" ? "this machine" : row.who) },
  { name: "What", column: "c-what", of: (row) => row.what },
  { name: "To what", column: "c-path", of: (row) => row.path },
  { name: "Change", column: "c-message", of: (row) => <Difference row={row} /> }
]

const Detail = ({ close, row }: { readonly row: AuditRow; readonly close: () => void }) => (
  <Dialog title={`${row.what} of ${row.path}`} onClose={close} wide>
    <div className="dialog-text">
      <p>
        By {row.who === "" ? "this machine" : row.who}, {moment(row.at)}
      </p>
      <ul className="diff">
        {differences(row.before, row.after).map(({ after, before, path }) => (
          <li key={path}>
            <code className="diff-path">{path}</code>
            <del>{written(before)}</del>
            <ins>{written(after)}</ins>
          </li>
        ))}
      </ul>
      {row.requestId === undefined ? null : (
        <p>
          <Copy text={row.requestId} label="the id of the request that changed it" />
        </p>
      )}
    </div>
    <div className="dialog-foot">
      <button type="button" className="button" onClick={close}>
        Close
      </button>
    </div>
  </Dialog>
)

/** The view. */
export const Audit = () => {
  const { api } = useAdmin()
  const [opened, setOpened] = useState<AuditRow>()
  const pages = usePages<AuditRow>("audit", (cursor, signal) => api.audit({ cursor, limit: pageSize }, signal))
  return (
    <>
      <div className="view-head">
        <h1>Audit</h1>
        <button type="button" className="button small" onClick={pages.reload}>
          Look again
        </button>
      </div>
      {pages.isAbsent ? (
        <Empty title="Audit: not available">This relay does not keep one.</Empty>
      ) : (
        <VirtualList
          label="Changes, the newest first"
          kind="audit-list"
          columns={columns}
          pages={pages}
          opened={opened?.id}
          open={setOpened}
          empty={
            <Empty title="Nothing was changed">Each change that is made here or by the admin API leaves a row.</Empty>
          }
        />
      )}
      {opened === undefined ? null : <Detail row={opened} close={() => setOpened(undefined)} />}
    </>
  )
}
