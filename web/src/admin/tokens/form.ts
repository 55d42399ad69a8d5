/**
 * A token as it is typed, and as the relay is told of it. Pure.
 */
import type { Budget } from "../ledger/Quota.ts"
import { figure, items } from "../part/typed.ts"
import type { Token } from "./Token.ts"

/** Who it is for: one who asks, one who looks, one who changes. */
export type Role = "user" | "viewer" | "admin"

/** What is typed. */
export interface TokenForm {
  readonly name: string
  readonly role: Role
  readonly models: string
  readonly group: string
  readonly expiresAt: string
  readonly requests: string
  readonly per: string
  readonly concurrency: string
  readonly addresses: string
  readonly balance: string
  readonly budget: string
  readonly budgetPer: Budget["per"]
}

/** Of a token that is not there yet. */
export const emptyForm: TokenForm = {
  name: "",
  role: "user",
  models: "*",
  group: "default",
  expiresAt: "",
  requests: "",
  per: "1 minute",
  concurrency: "",
  addresses: "",
  balance: "",
  budget: "",
  budgetPer: "month"
}

const two = (value: number): string => String(value).padStart(2, "0")

/** A moment as the browser's field has it: by the clock of who looks. */
export const localMoment = (at: number | undefined): string => {
  if (at === undefined) return ""
  const date = new Date(at)
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`
}

/** A token as it can be edited. */
export const formOf = (token: Token): TokenForm => ({
  ...emptyForm,
  name: token.name,
  role: token.admin ? "admin" : token.viewer ? "viewer" : "user",
  models: token.models.join(", "),
  group: token.group,
  expiresAt: localMoment(token.expiresAt),
  requests: token.rateLimit?.requests === undefined ? "" : String(token.rateLimit.requests),
  per: token.rateLimit?.per ?? "1 minute",
  concurrency: token.concurrency === undefined ? "" : String(token.concurrency),
  addresses: token.addresses.join(", ")
})

/** What the relay is told, by field. `undefined`: nothing was typed. */
const fieldsOf = (form: TokenForm): { readonly [field: string]: unknown } => ({
  name: form.name.trim(),
  models: items(form.models),
  group: form.group.trim() === "" ? "default" : form.group.trim(),
  admin: form.role === "admin",
  viewer: form.role === "viewer",
  expiresAt: form.expiresAt === "" ? undefined : new Date(form.expiresAt).toISOString(),
  rateLimit: form.requests.trim() === "" ? undefined : { requests: figure(form.requests), per: form.per.trim() },
  concurrency: form.concurrency.trim() === "" ? undefined : figure(form.concurrency),
  addresses: items(form.addresses).length === 0 ? undefined : items(form.addresses)
})

const quotaOf = (form: TokenForm): unknown =>
  form.balance.trim() === "" && form.budget.trim() === ""
    ? undefined
    : {
        ...(form.balance.trim() === "" ? {} : { balance: figure(form.balance) }),
        ...(form.budget.trim() === "" ? {} : { budget: { amount: figure(form.budget), per: form.budgetPer } })
      }

/** A new token. What was left empty is left to the relay. */
export const created = (form: TokenForm): { readonly [field: string]: unknown } =>
  Object.fromEntries(
    Object.entries({ ...fieldsOf(form), quota: quotaOf(form) }).filter(([, value]) => value !== undefined)
  )

/** What has changed; a field that was emptied is `null`. */
export const changed = (before: TokenForm, after: TokenForm): { readonly [field: string]: unknown } => {
  const was = fieldsOf(before)
  return Object.fromEntries(
    Object.entries(fieldsOf(after))
      .filter(([name, value]) => name !== "name" && JSON.stringify(value) !== JSON.stringify(was[name]))
      .map(([name, value]) => [name, value ?? null])
  )
}
