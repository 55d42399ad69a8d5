/**
 * The window in which a token is made or changed.
 */
import { useState } from "react"
import { ok, type Result } from "../Failure.ts"
import { useAdmin } from "../part/Admin.ts"
import { Field, FormDialog } from "../part/Form.tsx"
import type { Token } from "./Token.ts"
import { changed, created, emptyForm, formOf, type Role, type TokenForm } from "./form.ts"

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
  const changes = token === undefined ? created(form) : changed(before, form)
  const nothing = token === undefined ? form.name.trim() === "" : Object.keys(changes).length === 0

  const field = (name: keyof TokenForm) => ({
    value: form[name],
    autoComplete: "off",
    spellCheck: false,
    onChange: (event: { readonly target: { readonly value: string } }) =>
      setForm({ ...form, [name]: event.target.value })
  })
  return (
    <FormDialog
      title={token === undefined ? "New token" : `Change ${token.name}`}
      verb={token === undefined ? "Make it" : "Change it"}
      nothing={nothing}
      close={close}
      run={async (key): Promise<Result<string | undefined>> => {
        if (token === undefined) {
          const created = await api.createToken(changes, key)
          return created._tag === "Failed" ? created : ok(created.value.key)
        }
        const done = await api.changeToken(token.name, changes, key)
        return done._tag === "Failed" ? done : ok(undefined)
      }}
      done={(secret) => made(form.name.trim(), secret)}
    >
      {(wrong) => (
        <>
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
        </>
      )}
    </FormDialog>
  )
}
