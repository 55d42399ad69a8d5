/**
 * What every token may still spend, and what gives it more.
 */
import { amountOf, exactOf, plain, spokenOf, type Unit } from "../Credits.ts"
import { nothing, whole } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { ChangeButton } from "../part/Button.tsx"
import { Empty, Show } from "../part/Show.tsx"
import { buttons, figures, Table } from "../part/Table.tsx"
import { failed } from "../Failure.ts"
import { hashOf } from "../Place.ts"
import { type Quota, whoOf } from "./Quota.ts"
import { type ChangeOfBalance, changeOf, takenBack, type Typed } from "./balance.ts"
import { useQuotas } from "./useQuotas.ts"

const said = (credits: number, unit: Unit): string =>
  unit === plain ? `${whole(credits)} credits` : `${whole(credits)} credits (${spokenOf(credits, unit)})`

const Form = ({ quota, typed, unit }: { readonly quota: Quota; readonly typed: Typed; readonly unit: Unit }) => (
  <>
    <p>
      {whoOf(quota)} has {quota.balance === undefined ? "no limit" : said(quota.balance, unit)}
      {quota.reserved === 0 ? "" : `, and ${said(quota.reserved, unit)} are reserved by answers under way`}. It can be
      undone for a few seconds; both stand in the ledger.
    </p>
    <div className="form">
      <label className="form-field">
        <span>What</span>
        <select defaultValue={typed.how} onChange={(event) => (typed.how = event.target.value as Typed["how"])}>
          {quota.balance === undefined ? null : <option value="add">add to the balance</option>}
          <option value="set">set the balance</option>
          {quota.balance === undefined ? null : <option value="lift">take the limit away</option>}
        </select>
      </label>
      <label className="form-field">
        <span>Credits{unit === plain ? "" : `, ${whole(unit.credits)} to one ${unit.name}`}</span>
        <input inputMode="numeric" autoComplete="off" onChange={(event) => (typed.amount = event.target.value)} />
      </label>
      <label className="form-field form-wide">
        <span>Reason</span>
        <input
          autoComplete="off"
          placeholder="Stands in the ledger: invoice 2026-117"
          onChange={(event) => (typed.reason = event.target.value)}
        />
      </label>
    </div>
  </>
)

/** A budget, and how much of it is used. */
const Used = ({ quota: { budget, reserved, settledMonth, settledToday } }: { readonly quota: Quota }) => {
  const { unit } = useAdmin()
  if (budget === undefined) return nothing
  const used = (budget.per === "month" ? settledMonth : settledToday) + reserved
  const part = Math.min(1, used / Math.max(1, budget.amount))
  return (
    <span
      className="used"
      data-level={part >= 1 ? "bad" : part >= 0.9 ? "warn" : ""}
      title={`${whole(used)} of ${whole(budget.amount)} credits`}
    >
      <span className="used-track" aria-hidden="true">
        <span style={{ width: `${(part * 100).toFixed(1)}%` }} />
      </span>
      {amountOf(used, unit)} of {amountOf(budget.amount, unit)} a {budget.per}
    </span>
  )
}

/** The table. */
export const Balances = ({ changed }: { readonly changed: () => void }) => {
  const { api, ask, unit } = useAdmin()
  const [load, reload] = useQuotas(api, 30_000)
  const change = (quota: Quota): void => {
    const typed: Typed = { how: quota.balance === undefined ? "set" : "add", amount: "", reason: "" }
    const send = (how: ChangeOfBalance, reason: string, key: string) => api.changeQuota(quota, { ...how, reason }, key)
    const who = whoOf(quota)
    ask({
      title: `Change the balance of ${who}`,
      says: <Form quota={quota} typed={typed} unit={unit} />,
      verb: "Change it",
      run: (key) => {
        const wanted = changeOf(typed)
        const reason = typed.reason.trim()
        return wanted === undefined || reason === ""
          ? Promise.resolve(failed({ _tag: "NotSent", message: "It takes a reason, and a whole number of credits." }))
          : send(wanted, reason, key)
      },
      refresh: () => {
        reload()
        changed()
      },
      told: `The balance of ${who} is changed`,
      undo: {
        told: `The balance of ${who} is as it was`,
        run: (key) => send(takenBack(changeOf(typed), quota.balance), `taken back: ${typed.reason.trim()}`, key)
      }
    })
  }
  return (
    <section className="panel">
      <div className="panel-head">
        <h2>
          Balances <span className="quiet">in {unit.name}</span>
        </h2>
      </div>
      <Show load={load} reload={reload} what="Quotas">
        {(quotas) =>
          quotas.length === 0 ? (
            <Empty title="Nobody is limited">
              This relay has no tokens: whoever reaches it may ask, and is nobody to it. What that costs is counted all
              the same, and stands beside this and below.
            </Empty>
          ) : (
            <Table
              label="Balances"
              className="tall"
              heads={[
                "Of",
                figures("Balance"),
                figures("Reserved"),
                figures("Today"),
                figures("Month"),
                "Budget",
                buttons
              ]}
            >
              {[...quotas]
                .sort(
                  (a, b) =>
                    (a.balance ?? Number.POSITIVE_INFINITY) - (b.balance ?? Number.POSITIVE_INFINITY) ||
                    (whoOf(a) < whoOf(b) ? -1 : 1)
                )
                .map((quota) => (
                  <tr key={whoOf(quota)}>
                    <th scope="row">
                      {quota.whose === "group" ? (
                        <>
                          {quota.name}
                          <span className="tag">group</span>
                        </>
                      ) : (
                        <a href={hashOf("ledger", undefined, { token: quota.name })}>{quota.name}</a>
                      )}
                    </th>
                    <td
                      className="number"
                      data-level={(quota.balance ?? 1) <= 0 ? "bad" : ""}
                      title={exactOf(quota.balance)}
                    >
                      {quota.balance === undefined ? "unlimited" : amountOf(quota.balance, unit)}
                    </td>
                    <td className="number" title={exactOf(quota.reserved)}>
                      {amountOf(quota.reserved, unit)}
                    </td>
                    <td className="number" title={exactOf(quota.settledToday)}>
                      {amountOf(quota.settledToday, unit)}
                    </td>
                    <td className="number" title={exactOf(quota.settledMonth)}>
                      {amountOf(quota.settledMonth, unit)}
                    </td>
                    <td>
                      <Used quota={quota} />
                    </td>
                    <td className="row-acts">
                      <ChangeButton label={`Change the balance of ${whoOf(quota)}`} onClick={() => change(quota)}>
                        Change
                      </ChangeButton>
                    </td>
                  </tr>
                ))}
            </Table>
          )
        }
      </Show>
    </section>
  )
}
