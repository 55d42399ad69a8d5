/**
 * The windows in which a channel is added or changed, and is given a key. A key is typed once: it is in its field until it is
 * sent, and nowhere else on the page.
 */
import { useId, useRef, useState } from "react"
import { type Api, freshKey } from "../Api.ts"
import { ok, type Result } from "../Failure.ts"
import { useAdmin } from "../part/Admin.ts"
import { Field, FormDialog } from "../part/Form.tsx"
import type { Channel } from "./Channel.ts"
import { type ChannelForm, changed, created, emptyForm, formOf, isChangeable, told } from "./form.ts"

/** The dialects that every relay speaks; a program may add to them. */
const dialects = ["openai", "responses", "anthropic", "gemini"] as const

type Undo = (key: string) => Promise<Result<unknown>>

/** Takes a change back: what the file had said is its own again, and what an admin had set (`isSet`) is set again. */
const takingBack =
  (api: Api, channel: Channel, fields: ReadonlyArray<string>, isSet: (field: string) => boolean): Undo =>
  async (key) => {
    for (const field of fields) {
      if (isSet(field)) continue
      const one = await api.resetSetting(`channels.${channel.id}.${field}`, freshKey())
      if (one._tag === "Failed") return one
    }
    const was = told(formOf(channel))
    const mine = fields.filter(isSet).map((field) => [field, was[field]])
    return mine.length === 0 ? ok(undefined) : api.changeChannel(channel.id, Object.fromEntries(mine), key)
  }

/** The form. `channel`: the one that is changed; without it one is added. */
export const ChannelDialog = ({
  channel,
  close,
  groups,
  reload
}: {
  readonly channel: Channel | undefined
  readonly groups: ReadonlyArray<string>
  readonly close: () => void
  readonly reload: () => void
}) => {
  const { api, tell } = useAdmin()
  const [before] = useState<ChannelForm>(() => (channel === undefined ? emptyForm : formOf(channel)))
  const [form, setForm] = useState(before)
  const keys = useRef<HTMLTextAreaElement>(null)
  const lists = useId()
  const changes = channel === undefined ? {} : changed(before, form)
  const nothing =
    channel === undefined
      ? form.id.trim() === "" || form.baseUrl.trim() === "" || form.models.trim() === ""
      : Object.keys(changes).length === 0

  const field = (name: Exclude<keyof ChannelForm, "enabled">) => ({
    value: form[name],
    autoComplete: "off",
    spellCheck: false,
    readOnly: channel !== undefined && !isChangeable(name, channel.source),
    onChange: (event: { readonly target: { readonly value: string } }) =>
      setForm({ ...form, [name]: event.target.value })
  })
  const isFiles = channel !== undefined && channel.source !== "admin"

  const add = async (key: string): Promise<Result<undefined>> => {
    const added = await api.addChannel(created(form, keys.current?.value ?? ""), key)
    return added._tag === "Failed" ? added : ok(undefined)
  }
  const change = async (of: Channel, key: string): Promise<Result<Undo>> => {
    // Of one of the file: what an admin had set already is set again when this is taken back.
    const settings = of.source === "admin" ? undefined : await api.settings()
    if (settings?._tag === "Failed") return settings
    const set = new Set(settings?.value.data.flatMap(({ path, source }) => (source === "admin" ? [path] : [])))
    const done = await api.changeChannel(of.id, changes, key)
    return done._tag === "Failed"
      ? done
      : ok(
          takingBack(
            api,
            of,
            Object.keys(changes),
            (field) => of.source === "admin" || set.has(`channels.${of.id}.${field}`)
          )
        )
  }
  return (
    <FormDialog
      title={channel === undefined ? "New channel" : `Change ${channel.id}`}
      says={
        isFiles ? (
          <p>
            It stands in the configuration file. What is changed here counts over the file until it is reset in the
            settings; the rest is changed there.
          </p>
        ) : channel === undefined ? (
          <p>It is kept in the books, beside those of the file, and serves from the next request on.</p>
        ) : undefined
      }
      verb={channel === undefined ? "Add it" : "Change it"}
      nothing={nothing}
      close={close}
      run={(key): Promise<Result<Undo | undefined>> => (channel === undefined ? add(key) : change(channel, key))}
      done={(undo) => {
        reload()
        if (channel === undefined) return tell(`${form.id.trim()} is added`)
        if (undo === undefined) return
        tell(`${channel.id} is changed`, { told: `${channel.id} is as it was`, run: undo }, reload)
      }}
    >
      {(wrong) => (
        <>
          {channel === undefined ? (
            <Field label="Id" hint="Small letters, digits and -: its name in logs and metrics." wrong={wrong("id")}>
              {(ids) => <input {...ids} {...field("id")} required />}
            </Field>
          ) : null}
          <Field label="Dialect" hint="The wire format that it speaks." wrong={wrong("dialect")}>
            {(ids) => (
              <>
                <input {...ids} {...field("dialect")} list={`${lists}-dialects`} />
                <datalist id={`${lists}-dialects`}>
                  {dialects.map((name) => (
                    <option key={name} value={name} />
                  ))}
                </datalist>
              </>
            )}
          </Field>
          <Field
            label="Base URL"
            wide
            hint="The dialect’s own path is put behind it: https://api.openai.com/v1"
            wrong={wrong("baseUrl")}
          >
            {(ids) => <input inputMode="url" {...ids} {...field("baseUrl")} required />}
          </Field>
          {channel === undefined ? (
            <Field
              label="Keys"
              wide
              hint="One a line; none: no authorization is sent. They are kept encrypted, and never shown again."
              wrong={wrong("keys")}
            >
              {(ids) => (
                <textarea
                  {...ids}
                  ref={keys}
                  className="secret-lines"
                  rows={2}
                  autoComplete="off"
                  autoCapitalize="off"
                  spellCheck={false}
                />
              )}
            </Field>
          ) : null}
          <Field
            label="Models"
            wide
            hint="As clients name them, with commas; * is any run of characters: gpt-5, gpt-*"
            wrong={wrong("models")}
          >
            {(ids) => <input {...ids} {...field("models")} required />}
          </Field>
          <Field label="Priority" hint="Its tier: higher is asked first." wrong={wrong("priority")}>
            {(ids) => <input inputMode="decimal" {...ids} {...field("priority")} />}
          </Field>
          <Field label="Weight" hint="Its share within the tier." wrong={wrong("weight")}>
            {(ids) => <input inputMode="decimal" {...ids} {...field("weight")} />}
          </Field>
          <Field label="Group" hint="It serves the tokens of this group, and no other." wrong={wrong("group")}>
            {(ids) => (
              <>
                <input {...ids} {...field("group")} list={`${lists}-groups`} />
                <datalist id={`${lists}-groups`}>
                  {groups.map((name) => (
                    <option key={name} value={name} />
                  ))}
                </datalist>
              </>
            )}
          </Field>
          <Field label="Serves" hint="No: it is never asked, whatever else says." wrong={wrong("enabled")}>
            {(ids) => (
              <select
                {...ids}
                value={form.enabled ? "yes" : "no"}
                onChange={(event) => setForm({ ...form, enabled: event.target.value === "yes" })}
              >
                <option value="yes">yes</option>
                <option value="no">no</option>
              </select>
            )}
          </Field>
        </>
      )}
    </FormDialog>
  )
}

/** The window in which a key is typed, once. */
export const KeyDialog = ({
  channel,
  close,
  reload
}: {
  readonly channel: Channel
  readonly close: () => void
  readonly reload: () => void
}) => {
  const { api, tell } = useAdmin()
  const input = useRef<HTMLInputElement>(null)
  const [isEmpty, setEmpty] = useState(true)
  return (
    <FormDialog
      title={`New key of ${channel.id}`}
      says={
        <p>
          It is asked from the next request on, behind the {channel.keys.length === 1 ? "one" : "others"} that the
          channel has. It is kept encrypted, and nobody can read it again: not here, and not by the API.
        </p>
      }
      verb="Add it"
      nothing={isEmpty}
      close={close}
      run={(key) => api.addChannelKey(channel.id, input.current?.value.trim() ?? "", key)}
      done={() => {
        reload()
        tell(`${channel.id} has a new key`)
      }}
    >
      {(wrong) => (
        <Field label="Key" wide wrong={wrong("key", "keys")} hint="As the vendor gives it.">
          {(ids) => (
            <input
              {...ids}
              ref={input}
              type="password"
              autoComplete="off"
              data-1p-ignore=""
              spellCheck={false}
              onChange={(event) => setEmpty(event.target.value.trim() === "")}
            />
          )}
        </Field>
      )}
    </FormDialog>
  )
}
