/**
 * The window in which a token is made or changed.
 */
import { type FormEvent, type ReactNode, useId, useRef, useState } from "react"
import { freshKey } from "../Api.ts"
import type { Failure } from "../Failure.ts"
import { useAdmin } from "../part/Admin.ts"
import { Dialog } from "../part/Dialog.tsx"
import { Problem } from "../part/Problem.tsx"
import type { Token } from "../Shapes.ts"
import { changed, created, emptyForm, formOf, type Role, type TokenForm } from "./form.ts"

const Field = ({
  children,
  hint,
  label,
  wrong
}: {
  readonly label: string
  readonly hint?: string
  readonly wrong?: string | undefined
  readonly children: (ids: {
    readonly id: string
    readonly "aria-describedby": string | undefined
    readonly "aria-invalid": boolean
  }) => ReactNode
}) => {
  const id = useId()
  const says = wrong ?? hint
  return (
    <div className="form-field" data-wrong={wrong !== undefined}>
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        "aria-describedby": says === undefined ? undefined : `${id}-says`,
        "aria-invalid": wrong !== undefined
      })}
      {says === undefined ? null : <small id={`${id}-says`}>{says}</small>}
    </div>
  )
}

const roles: ReadonlyArray<readonly [Role, string]> = [
  ["user", "asks for answers"],
  ["viewer", "asks, and looks at this page"],
  ["admin", "asks, looks and changes"]
]

/** The form. `token`: the one that is changed; without it one is made. */
export const TokenDialog = ({
  close,
  made,
  token
}: {
  readonly token: Token | undefined
  readonly close: () => void
  /** It was done. The key is there of a new one, and nowhere again. */
  readonly made: (name: string, key: string | undefined) => void
}) => {
  const { api } = useAdmin()
  const [before] = useState<TokenForm>(() => (token === undefined ? emptyForm : formOf(token)))
  const [form, setForm] = useState(before)
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<Failure>()
  const key = useRef(freshKey())
  const changes = token === undefined ? created(form) : changed(before, form)
  const nothing = token === undefined ? form.name.trim() === "" : Object.keys(changes).length === 0

  const field = (name: keyof TokenForm) => ({
    value: form[name],
    autoComplete: "off",
    spellCheck: false,
    onChange: (event: { readonly target: { readonly value: string } }) =>
      setForm({ ...form, [name]: event.target.value })
  })
  const wrong = (...names: ReadonlyArray<string>): string | undefined =>
    failure?._tag === "Refused"
      ? failure.details.find(({ field }) =>
          names.some((name) => field === name || field.startsWith(`${name}.`) || field.startsWith(`${name}[`))
        )?.message
      : undefined
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (nothing || busy) return
    setBusy(true)
    setFailure(undefined)
    const result =
      token === undefined
        ? await api.createToken(changes, key.current)
        : await api.changeToken(token.name, changes, key.current)
    setBusy(false)
    if (result._tag === "Ok") {
      close()
      return made(form.name.trim(), token === undefined ? (result.value as { readonly key: string }).key : undefined)
    }
    if (result.failure._tag === "Refused") key.current = freshKey()
    setFailure(result.failure)
  }
  return (
    <Dialog title={token === undefined ? "New token" : `Change ${token.name}`} onClose={close} wide>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <div className="form">
          {token === undefined ? (
            <Field label="Name" hint="How it stands in logs, the ledger and the error log." wrong={wrong("name")}>
              {(ids) => <input {...ids} {...field("name")} required />}
            </Field>
          ) : null}
          <Field label="May" wrong={wrong("admin", "viewer")}>
            {(ids) => (
              <select {...ids} {...field("role")}>
                {roles.map(([role, says]) => (
                  <option key={role} value={role}>
                    {role}: {says}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label="Models" hint="Names or patterns, with commas: gpt-*, claude-*" wrong={wrong("models")}>
            {(ids) => <input {...ids} {...field("models")} />}
          </Field>
          <Field label="Group" hint="Only channels of it serve the token." wrong={wrong("group")}>
            {(ids) => <input {...ids} {...field("group")} />}
          </Field>
          <Field label="Expires" hint="By your clock. Empty: never." wrong={wrong("expiresAt")}>
            {(ids) => <input type="datetime-local" {...ids} {...field("expiresAt")} />}
          </Field>
          <Field label="Answers at once" hint="Empty: as many as it likes." wrong={wrong("concurrency")}>
            {(ids) => <input inputMode="numeric" {...ids} {...field("concurrency")} />}
          </Field>
          <Field label="Requests" hint="Empty: the relay’s own limit." wrong={wrong("rateLimit")}>
            {(ids) => <input inputMode="numeric" {...ids} {...field("requests")} />}
          </Field>
          <Field label="… in a time of">{(ids) => <input {...ids} {...field("per")} />}</Field>
          <Field
            label="Comes from"
            hint="Addresses or networks, with commas. Empty: anywhere."
            wrong={wrong("addresses")}
          >
            {(ids) => <input {...ids} {...field("addresses")} />}
          </Field>
          {token === undefined ? (
            <>
              <Field
                label="Credits"
                hint="What it is granted. Empty: unlimited."
                wrong={wrong("quota.balance", "quota")}
              >
                {(ids) => <input inputMode="numeric" {...ids} {...field("balance")} />}
              </Field>
              <Field label="Budget" hint="Credits a day or a month, beside that." wrong={wrong("quota.budget")}>
                {(ids) => <input inputMode="numeric" {...ids} {...field("budget")} />}
              </Field>
              <Field label="Budget is for a">
                {(ids) => (
                  <select {...ids} {...field("budgetPer")}>
                    <option value="day">day (UTC)</option>
                    <option value="month">month (UTC)</option>
                  </select>
                )}
              </Field>
            </>
          ) : null}
        </div>
        {failure === undefined ? null : <Problem failure={failure} />}
        <div className="dialog-foot">
          <button type="button" className="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={busy || nothing}>
            {busy ? "Working…" : token === undefined ? "Make it" : "Change it"}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
