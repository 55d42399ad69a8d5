/**
 * What was granted, spent and given back: sums, balances, usage, and the ledger row by row.
 */
import { useMemo, useState } from "react"
import { amountOf, exactOf, plain } from "../Credits.ts"
import { nothing, percent, share, whole } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { Csv } from "../part/Csv.tsx"
import { FilterField } from "../part/FilterField.tsx"
import { pageSize } from "../part/pages.ts"
import { Empty, Show } from "../part/Show.tsx"
import { Time } from "../part/Time.tsx"
import { useLoad } from "../part/useLoad.ts"
import { usePages } from "../part/usePages.ts"
import { type Column, VirtualList } from "../part/VirtualList.tsx"
import { go, hashOf, type Query } from "../Place.ts"
import type { LedgerRow } from "./LedgerRow.ts"
import type { LedgerSum } from "./LedgerSum.ts"
import type { Usage } from "./Usage.ts"
import { Balances } from "./Balances.tsx"

const Sums = ({ sum }: { readonly sum: LedgerSum }) => {
  const { unit } = useAdmin()
  return (
    <dl className="figures" aria-label="The whole ledger">
      {(
        [
          ["Granted", sum.granted],
          ["Settled", sum.settled],
          ["Refunded", sum.refunded],
          ["Open", sum.open]
        ] as const
      ).map(([label, value]) => (
        <div className="figure" key={label}>
          <dt>{label}</dt>
          <dd title={exactOf(value)}>
            {amountOf(value, unit)}
            {unit === plain ? null : <span className="figure-note">{unit.name}</span>}
          </dd>
        </div>
      ))}
      <div className="figure" data-level={sum.drift === undefined ? "" : sum.drift === 0 ? "good" : "bad"}>
        <dt>Drift</dt>
        <dd>
          {whole(sum.drift)}
          <span className="figure-note">
            {sum.drift === undefined ? "" : sum.drift === 0 ? "it adds up" : "it does not add up"}
          </span>
        </dd>
      </div>
    </dl>
  )
}

const bys = ["token", "model", "channel", "group", "day"] as const

const UsageBars = ({ by, rows }: { readonly by: string; readonly rows: ReadonlyArray<Usage> }) => {
  const { unit } = useAdmin()
  const sorted = by === "day" ? rows.slice(-31) : [...rows].sort((a, b) => b.credits - a.credits).slice(0, 12)
  const most = Math.max(1, ...sorted.map(({ credits }) => credits))
  const all = rows.reduce((sum, { credits }) => sum + credits, 0)
  return sorted.length === 0 ? (
    <Empty title="Nothing was spent" />
  ) : (
    <>
      <ul className="bars" aria-label={`Credits by ${by}`}>
        {sorted.map(({ credits, name, requests }) => (
          <li key={name}>
            <span className="bars-name" title={name}>
              {name === "" ? nothing : name}
            </span>
            <span className="bars-track" aria-hidden="true">
              <span style={{ width: `${((Math.max(0, credits) / most) * 100).toFixed(2)}%` }} />
            </span>
            <span
              className="bars-value"
              title={`${whole(credits)} credits${requests === undefined ? "" : `, ${whole(requests)} requests`}`}
            >
              {amountOf(credits, unit)}
            </span>
            <span className="bars-note quiet">{percent(share(credits, all))}</span>
          </li>
        ))}
      </ul>
      {by !== "day" && rows.length > sorted.length ? (
        <p className="quiet">And {rows.length - sorted.length} more with less.</p>
      ) : null}
    </>
  )
}

const UsagePanel = ({ from, to }: { readonly from: string | undefined; readonly to: string | undefined }) => {
  const { api, unit } = useAdmin()
  const [by, setBy] = useState<string>("token")
  const [load, reload] = useLoad(`usage ${by} ${from} ${to}`, (signal) => api.usage(by, { from, to }, signal), 60_000)
  return (
    <section className="panel">
      <div className="panel-head">
        <h2>
          Used <span className="quiet">in {unit.name}</span>
        </h2>
        <fieldset className="segments">
          <legend className="hidden">By what</legend>
          {bys.map((value) => (
            <label key={value}>
              <input
                type="radio"
                name="usage-by"
                className="hidden"
                checked={by === value}
                onChange={() => setBy(value)}
              />
              <span>{value}</span>
            </label>
          ))}
        </fieldset>
        <Csv path="/admin/usage" filters={{ by, from, to, limit: 1000 }} name={`usage-by-${by}`} />
      </div>
      <Show load={load} reload={reload} what="Usage">
        {({ data }) => <UsageBars by={by} rows={data} />}
      </Show>
    </section>
  )
}

const columns: ReadonlyArray<Column<LedgerRow>> = [
  { name: "At", column: "c-at", of: (row) => <Time at={row.at} /> },
  { name: "Kind", column: "c-kind", of: (row) => <span data-kind={row.kind}>{row.kind}</span> },
  { name: "Token", column: "c-token", of: (row) => row.owner },
  { name: "Amount", column: "c-amount number", of: (row) => whole(row.amount) },
  { name: "Balance", column: "c-balance number", of: (row) => whole(row.balance) },
  { name: "Why", column: "c-why", of: (row) => row.reason ?? row.streamId ?? nothing }
]

/** A day by the calendar of who looks, as the moment at which it begins; behind it when it ends. */
const dayStart = (day: string | undefined, after = 0): string | undefined => {
  if (day === undefined || !/^\d{4}-\d\d-\d\d$/.test(day)) return undefined
  const date = new Date(`${day}T00:00:00`)
  date.setDate(date.getDate() + after)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

/** The view. */
export const Ledger = ({ query }: { readonly query: Query }) => {
  const { api } = useAdmin()
  const [sum, reloadSum] = useLoad("sum", api.ledgerSum, 30_000)
  const from = dayStart(query["from"])
  const to = dayStart(query["to"], 1)
  const { token } = query
  const filters = useMemo(() => ({ token, from, to }), [token, from, to])
  const pages = usePages<LedgerRow>(JSON.stringify(filters), (cursor, signal) =>
    api.ledger({ ...filters, cursor, limit: pageSize }, signal)
  )
  const set = (name: string) => (value: string) =>
    go(hashOf("ledger", undefined, { ...query, [name]: value }), "replace")
  return (
    <>
      <div className="view-head">
        <h1>Quota &amp; ledger</h1>
      </div>
      <Show load={sum} reload={reloadSum} what="The ledger" lines={2}>
        {(value) => <Sums sum={value} />}
      </Show>
      <div className="columns lopsided">
        <Balances
          changed={() => {
            reloadSum()
            pages.reload()
          }}
        />
        <UsagePanel from={from} to={to} />
      </div>
      <div className="panel-head loose">
        <h2>
          Ledger <span className="quiet">in credits</span>
        </h2>
        <search className="filters" aria-label="Filters of the ledger">
          <FilterField label="Token" search value={token ?? ""} onChange={set("token")} />
          <FilterField label="From" placeholder="2026-01-31" value={query["from"] ?? ""} onChange={set("from")} />
          <FilterField label="To" placeholder="2026-01-31" value={query["to"] ?? ""} onChange={set("to")} />
        </search>
        <Csv path="/admin/ledger" filters={filters} name="ledger" />
      </div>
      {pages.isAbsent ? (
        <Empty title="The ledger: not available">This relay does not keep one.</Empty>
      ) : (
        <VirtualList
          label="Ledger, the newest first"
          kind="ledger-list short"
          columns={columns}
          pages={pages}
          open={undefined}
          empty={
            <Empty title="No rows">
              Nothing was granted or spent{token === undefined ? "" : ` by ${token}`} in this time.
            </Empty>
          }
        />
      )}
    </>
  )
}
