/**
 * What every token may still spend, and what gives it more.
 */
import { useRef } from "react"
import { brief, nothing, whole } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { ChangeButton } from "../part/Button.tsx"
import { Empty, Show } from "../part/Show.tsx"
import { failed } from "../Failure.ts"
import { hashOf } from "../Place.ts"
import type { Quota } from "../Shapes.ts"
import { useQuotas } from "./useQuotas.ts"

/** What is typed into the question. */
interface Typed {
  how: "add" | "set"
  amount: string
  reason: string
}

const Form = ({ quota, typed }: { readonly quota: Quota; readonly typed: Typed }) => (
  <>
    <p>
      {quota.token} has {quota.balance === undefined ? "no limit" : `${whole(quota.balance)} credits`}
      {quota.reserved === 0 ? "" : `, and ${whole(quota.reserved)} are reserved by answers under way`}. It can be undone
      for a few seconds; both stand in the ledger.
    </p>
    <div className="form">
      <label className="form-field">
        <span>What</span>
        <select
          defaultValue={typed.how}
          onChange={(event) => (typed.how = event.target.value === "set" ? "set" : "add")}
        >
          {quota.balance === undefined ? null : <option value="add">add to the balance</option>}
          <option value="set">set the balance</option>
        </select>
      </label>
      <label className="form-field">
        <span>Credits</span>
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
  if (budget === undefined) return nothing
  const used = (budget.per === "month" ? settledMonth : settledToday) + reserved
  const part = Math.min(1, used / Math.max(1, budget.amount))
  return (
    <span
      className="used"
      data-level={part >= 1 ? "bad" : part >= 0.9 ? "warn" : ""}
      title={`${whole(used)} of ${whole(budget.amount)}`}
    >
      <span className="used-track" aria-hidden="true">
        <span style={{ width: `${(part * 100).toFixed(1)}%` }} />
      </span>
      {brief(used)} of {brief(budget.amount)} a {budget.per}
    </span>
  )
}

/** The table. */
export const Balances = ({ changed }: { readonly changed: () => void }) => {
  const { api, ask } = useAdmin()
  const [load, reload] = useQuotas(api, 30_000)
  const typed = useRef<Typed>({ how: "add", amount: "", reason: "" })
  const change = (quota: Quota): void => {
    const form: Typed = { how: quota.balance === undefined ? "set" : "add", amount: "", reason: "" }
    typed.current = form
    const before = quota.balance
    // Filled when it is done: what is to be taken back is what was given.
    const given = { amount: 0, how: form.how }
    ask({
      title: `Change the balance of ${quota.token}`,
      says: <Form quota={quota} typed={form} />,
      verb: "Change it",
      run: (key) => {
        const amount = Number(form.amount.replaceAll(/[\s_,]/g, ""))
        if (form.amount.trim() === "" || !Number.isInteger(amount) || form.reason.trim() === "") {
          return Promise.resolve(
            failed({
              _tag: "Refused",
              status: 422,
              code: "not_sent",
              message: "It takes a whole number of credits, and a reason",
              details: [],
              method: "POST",
              path: `/admin/quota/${quota.token}`,
              requestId: undefined
            })
          )
        }
        given.amount = amount
        given.how = form.how
        const reason = form.reason.trim()
        return api.changeQuota(quota.token, form.how === "add" ? { add: amount, reason } : { set: amount, reason }, key)
      },
      refresh: () => {
        reload()
        changed()
      },
      told: `The balance of ${quota.token} is changed`,
      ...(before === undefined
        ? {}
        : {
            undo: {
              told: `The balance of ${quota.token} is as it was`,
              run: (key: string) =>
                given.how === "add"
                  ? api.changeQuota(
                      quota.token,
                      { add: -given.amount, reason: `taken back: ${form.reason.trim()}` },
                      key
                    )
                  : api.changeQuota(quota.token, { set: before, reason: `taken back: ${form.reason.trim()}` }, key)
            }
          })
    })
  }
  return (
    <section className="panel">
      <div className="panel-head">
        <h2>Balances</h2>
      </div>
      <Show load={load} reload={reload} what="Quotas">
        {(quotas) =>
          quotas.length === 0 ? (
            <Empty title="No token has a quota" />
          ) : (
            <div className="scrolls tall" tabIndex={0} role="region" aria-label="Balances, as a table">
              <table className="table">
                <thead>
                  <tr>
                    <th scope="col">Token</th>
                    <th scope="col" className="number">
                      Balance
                    </th>
                    <th scope="col" className="number">
                      Reserved
                    </th>
                    <th scope="col" className="number">
                      Today
                    </th>
                    <th scope="col" className="number">
                      Month
                    </th>
                    <th scope="col">Budget</th>
                    <th scope="col">
                      <span className="hidden">What can be done</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {[...quotas]
                    .sort(
                      (a, b) =>
                        (a.balance ?? Number.POSITIVE_INFINITY) - (b.balance ?? Number.POSITIVE_INFINITY) ||
                        (a.token < b.token ? -1 : 1)
                    )
                    .map((quota) => (
                      <tr key={quota.token}>
                        <th scope="row">
                          <a href={hashOf("ledger", undefined, { token: quota.token })}>{quota.token}</a>
                        </th>
                        <td
                          className="number"
                          data-level={(quota.balance ?? 1) <= 0 ? "bad" : ""}
                          title={whole(quota.balance)}
                        >
                          {quota.balance === undefined ? "unlimited" : brief(quota.balance)}
                        </td>
                        <td className="number">{brief(quota.reserved)}</td>
                        <td className="number">{brief(quota.settledToday)}</td>
                        <td className="number">{brief(quota.settledMonth)}</td>
                        <td>
                          <Used quota={quota} />
                        </td>
                        <td className="row-acts">
                          <ChangeButton label={`Change the balance of ${quota.token}`} onClick={() => change(quota)}>
                            Change
                          </ChangeButton>
                        </td>
                      </tr>
                    ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Show>
    </section>
  )
}
