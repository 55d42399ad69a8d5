/**
 * The error log: filters in the address, found by the server, gone through row by row.
 */
import { useEffect, useMemo, useRef, useState } from "react"
import { nothing } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { Csv } from "../part/Csv.tsx"
import { FilterChoice } from "../part/FilterChoice.tsx"
import { FilterField } from "../part/FilterField.tsx"
import { Empty } from "../part/Show.tsx"
import { Time } from "../part/Time.tsx"
import { useLoad, valueOf } from "../part/useLoad.ts"
import { usePages } from "../part/usePages.ts"
import { pageSize, rowAt } from "../part/pages.ts"
import { type Column, VirtualList } from "../part/VirtualList.tsx"
import { go, hashOf, type Query } from "../Place.ts"
import type { Channel } from "../channels/Channel.ts"
import type { ErrorRow } from "./ErrorRow.ts"
import { ErrorDetail } from "./ErrorDetail.tsx"
import { filtersOf, isFiltered, times } from "./filters.ts"

const columns: ReadonlyArray<Column<ErrorRow>> = [
  { name: "At", column: "c-at", of: (row) => <Time at={row.at} /> },
  {
    name: "Code",
    column: "c-code",
    of: (row) => (
      <>
        <span className="status-code" data-level={(row.status ?? 0) >= 500 ? "bad" : "warn"}>
          {row.status ?? nothing}
        </span>{" "}
        {row.code ?? nothing}
      </>
    )
  },
  {
    name: "Of",
    column: "c-kind",
    of: (row) => (row.kind === "request" ? "request" : `attempt ${row.attempt ?? ""}`)
  },
  { name: "Channel", column: "c-channel", of: (row) => row.channel ?? nothing },
  { name: "Model", column: "c-model", of: (row) => row.model ?? nothing },
  { name: "Token", column: "c-token", of: (row) => row.token ?? nothing },
  { name: "Message", column: "c-message", of: (row) => row.message ?? nothing }
]

const kinds = [
  ["", "both"],
  ["request", "requests"],
  ["attempt", "attempts"]
] as const

const classes = [
  "caller",
  "content",
  "credential",
  "quota",
  "rate",
  "model",
  "channel",
  "upstream",
  "timeout",
  "storage",
  "defect",
  "exhausted",
  "transport",
  "rejected",
  "cancelled"
]

/** How often it is looked whether something has come. */
const look = 10_000

/** Whether rows have come since the list was read. */
const useNews = (filters: { readonly [name: string]: string | undefined }, newest: string | undefined): boolean => {
  const { api } = useAdmin()
  const of = `news ${JSON.stringify(filters)}`
  const [load] = useLoad(of, (signal) => api.errors({ ...filters, limit: 1 }, signal), look)
  const first = valueOf(load)?.data[0]
  return (
    first !== undefined && newest !== undefined && first.id !== newest && (load._tag === "Loaded" ? load.at : 0) > 0
  )
}

/** The view. */
export const Errors = ({ channels, query }: { readonly query: Query; readonly channels: ReadonlyArray<Channel> }) => {
  const { api } = useAdmin()
  // What is meant by "the last hour" is said anew when the filters change, not with every look.
  const filters = useMemo(() => filtersOf(query, Date.now()), [query])
  const of = JSON.stringify({ ...query, row: undefined })
  const settled = useRef({ of, filters })
  if (settled.current.of !== of) settled.current = { of, filters }
  const asked = settled.current.filters
  const pages = usePages<ErrorRow>(of, (cursor, signal) => api.errors({ ...asked, cursor, limit: pageSize }, signal))
  const newest = rowAt(pages.list, 0)?.id
  const [firstSeen, setFirstSeen] = useState<string>()
  useEffect(() => {
    if (newest !== undefined) setFirstSeen(newest)
  }, [newest])
  useEffect(() => setFirstSeen(undefined), [of])
  const hasNews = useNews(asked, firstSeen)
  const [shown, setShown] = useState<ErrorRow>()
  const opened = query["row"]
  const row =
    shown?.id === opened
      ? shown
      : opened === undefined
        ? undefined
        : pages.list.pages.flatMap(({ rows }) => rows ?? []).find(({ id }) => id === opened)

  const set = (changes: { readonly [name: string]: string | undefined }, how: "push" | "replace" = "replace"): void =>
    go(hashOf("errors", undefined, { ...query, ...changes }), how)
  const field = (name: string) => ({ value: query[name] ?? "", onChange: (value: string) => set({ [name]: value }) })
  // Where the window is narrow the filters would fill it.
  const [showsAll, setShowsAll] = useState(false)
  const isSet = Object.keys(query).filter((name) => name !== "row" && name !== "q").length
  const list = useRef<HTMLElement>(null)
  const close = (): void => {
    set({ row: undefined })
    list.current?.querySelector<HTMLElement>("[role=grid]")?.focus()
  }

  return (
    <>
      <div className="view-head">
        <h1>Errors</h1>
        {hasNews ? (
          <button type="button" className="button small" onClick={pages.reload}>
            New ones have come: show them
          </button>
        ) : null}
        {isFiltered(query) ? (
          <button type="button" className="button small" onClick={() => go(hashOf("errors"))}>
            Clear all filters
          </button>
        ) : null}
        <Csv path="/admin/errors" filters={asked} name="errors" />
      </div>
      <search className="filters" aria-label="Filters" data-all={showsAll}>
        <FilterField label="Message" search type="search" placeholder="words in it" {...field("q")} />
        <button
          type="button"
          className="button small filters-more"
          aria-expanded={showsAll}
          onClick={() => setShowsAll(!showsAll)}
        >
          {showsAll ? "Fewer filters" : `More filters${isSet === 0 ? "" : ` (${isSet} set)`}`}
        </button>
        <FilterChoice label="Time" choices={times} {...field("last")} />
        <FilterChoice label="Of" choices={kinds} {...field("kind")} />
        <FilterField label="Channel" choices={channels.map(({ id }) => id)} {...field("channel")} />
        <FilterField label="Model" {...field("model")} />
        <FilterField label="Token" {...field("token")} />
        <FilterField label="Code" {...field("code")} />
        <FilterField label="Class" choices={classes} {...field("class")} />
        <FilterField label="Status" {...field("status")} />
      </search>
      <section className="split" data-open={row !== undefined} ref={list} aria-label="Errors">
        {pages.isAbsent ? (
          <Empty title="The error log: not available">It is switched off in this relay (errorLog.enabled).</Empty>
        ) : (
          <VirtualList
            label="Errors, the newest first"
            kind="errors-list"
            columns={columns}
            pages={pages}
            opened={opened}
            open={(row) => {
              setShown(row)
              set({ row: row.id })
            }}
            empty={
              isFiltered(query) ? (
                <Empty title="Nothing fits these filters">
                  <button type="button" className="link" onClick={() => go(hashOf("errors"))}>
                    Clear all filters
                  </button>
                </Empty>
              ) : (
                <Empty title="No errors">Nothing has failed as far back as the log goes.</Empty>
              )
            }
          />
        )}
        {row === undefined ? null : (
          <ErrorDetail
            row={row}
            close={close}
            filter={(name, value) => set({ [name]: value, row: undefined }, "push")}
          />
        )}
      </section>
    </>
  )
}
