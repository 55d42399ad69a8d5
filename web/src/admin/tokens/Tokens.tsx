/**
 * The tokens: who may ask, for what, how much; and what makes, changes, renews and removes one.
 */
import { useRef, useState } from "react"
import { amountOf, exactOf, plain } from "../Credits.ts"
import { ago, brief, moment, nothing } from "../Format.ts"
import { useQuotas } from "../ledger/useQuotas.ts"
import { useAdmin } from "../part/Admin.ts"
import { ChangeButton } from "../part/Button.tsx"
import { Empty, Show } from "../part/Show.tsx"
import { buttons, figures, Table } from "../part/Table.tsx"
import { useLoad, useNow, valueOf } from "../part/useLoad.ts"
import { hashOf } from "../Place.ts"
import type { Quota } from "../ledger/Quota.ts"
import type { Token } from "./Token.ts"
import { NewKey } from "./NewKey.tsx"
import { TokenDialog } from "./TokenDialog.tsx"

const stateOf = (token: Token, now: number): readonly [words: string, level: string] =>
  !token.enabled
    ? ["off", "note"]
    : token.expiresAt !== undefined && token.expiresAt <= now
      ? ["expired", "bad"]
      : ["on", "good"]

const Grace = ({ onChange }: { readonly onChange: (grace: string) => void }) => (
  <label className="form-field">
    <span>The old key stays good for</span>
    <select defaultValue="1 hour" onChange={(event) => onChange(event.target.value)}>
      <option value="0 seconds">no time: it stops at once</option>
      <option value="10 minutes">10 minutes</option>
      <option value="1 hour">1 hour</option>
      <option value="1 day">1 day</option>
      <option value="7 days">7 days</option>
    </select>
  </label>
)

const Row = ({
  edit,
  isOwn,
  now,
  quota,
  reload,
  showKey,
  token
}: {
  readonly token: Token
  readonly quota: Quota | undefined
  readonly now: number
  readonly isOwn: boolean
  readonly edit: () => void
  readonly reload: () => void
  readonly showKey: (name: string, key: string) => void
}) => {
  const { api, ask, unit } = useAdmin()
  const grace = useRef("1 hour")
  const { name } = token
  const locked = token.source === "file" ? "It stands in the configuration file, and is changed there." : undefined
  const [words, level] = stateOf(token, now)
  const self = isOwn ? (
    <p className="dialog-warning">It is the token that you look with: afterwards you will be asked for another.</p>
  ) : null
  const switchIt = (on: boolean): void =>
    ask({
      title: `${on ? "Switch on" : "Switch off"} ${name}?`,
      says: (
        <>
          <p>
            {on
              ? "It may ask again at once."
              : "Its requests are refused with 401 from now on. Answers that are under way end normally."}
          </p>
          {on ? null : self}
        </>
      ),
      verb: on ? "Switch on" : "Switch off",
      danger: !on,
      run: (key) => api.changeToken(name, { enabled: on }, key),
      refresh: reload,
      told: `${name} is ${on ? "on" : "off"}`,
      undo: {
        told: `${name} is ${on ? "off" : "on"} again`,
        run: (key) => api.changeToken(name, { enabled: !on }, key)
      }
    })
  const rotate = (): void => {
    grace.current = "1 hour"
    ask({
      title: `Give ${name} a new key?`,
      says: (
        <>
          <p>
            The new key is shown once. Whoever has the old one must get the new one before the time is over. This cannot
            be undone.
          </p>
          <Grace onChange={(next) => (grace.current = next)} />
          {self}
        </>
      ),
      verb: "Rotate",
      danger: true,
      run: (key) => api.rotateToken(name, grace.current, key),
      done: (made) => showKey(name, made.key),
      refresh: reload,
      told: `${name} has a new key`
    })
  }
  const remove = (): void =>
    ask({
      title: `Remove ${name}?`,
      says: (
        <>
          <p>
            Its requests are refused with 401 from now on, and its key is lost: this cannot be undone. To stop it for a
            while, switch it off. Its rows in the ledger and in the error log stay.
          </p>
          {self}
        </>
      ),
      verb: `Remove ${name}`,
      danger: true,
      run: (key) => api.removeToken(name, key),
      refresh: reload,
      told: `${name} is removed`
    })
  return (
    <tr>
      <th scope="row">
        {name}
        {token.admin ? <span className="tag">admin</span> : token.viewer ? <span className="tag">viewer</span> : null}
        {isOwn ? <span className="tag">you</span> : null}
        <code className="fingerprint">{token.fingerprint}</code>
      </th>
      <td>
        <span className="level" data-level={level}>
          {words}
        </span>
      </td>
      <td className="cell-wrap">
        {token.models.length === 0 || token.models.includes("*") ? "all" : token.models.join(", ")}
      </td>
      <td>{token.group}</td>
      <td className="number">
        <a href={hashOf("ledger", undefined, { token: name })} title={exactOf(quota?.balance)}>
          {quota === undefined ? nothing : quota.balance === undefined ? "unlimited" : amountOf(quota.balance, unit)}
          <span className="hidden">, the ledger of {name}</span>
        </a>
      </td>
      <td className="number">
        {token.rateLimit?.requests === undefined
          ? nothing
          : `${brief(token.rateLimit.requests)} / ${token.rateLimit.per}`}
      </td>
      <td title={token.expiresAt === undefined ? undefined : moment(token.expiresAt)}>
        {token.expiresAt === undefined ? "never" : ago(token.expiresAt, now)}
      </td>
      <td className="row-acts">
        <ChangeButton label={`Edit ${name}`} locked={locked} onClick={edit}>
          Edit
        </ChangeButton>
        <ChangeButton label={`Rotate ${name}`} locked={locked} onClick={rotate}>
          Rotate
        </ChangeButton>
        <ChangeButton
          label={`${token.enabled ? "Switch off" : "Switch on"} ${name}`}
          locked={locked}
          onClick={() => switchIt(!token.enabled)}
        >
          {token.enabled ? "Off" : "On"}
        </ChangeButton>
        <ChangeButton danger label={`Remove ${name}`} locked={locked} onClick={remove}>
          Remove
        </ChangeButton>
      </td>
    </tr>
  )
}

/** The view. */
export const Tokens = ({ own }: { readonly own: string | undefined }) => {
  const { api, tell, unit } = useAdmin()
  const now = useNow()
  const [load, reload] = useLoad("tokens", api.tokens, 30_000)
  const [quotas] = useQuotas(api, 30_000)
  const [wanted, setWanted] = useState("")
  const [editing, setEditing] = useState<Token | "new">()
  const [key, setKey] = useState<{ readonly name: string; readonly key: string }>()
  const balances = new Map(
    (valueOf(quotas) ?? []).flatMap((quota) => (quota.whose === "token" ? [[quota.name, quota]] : []))
  )
  return (
    <>
      <div className="view-head">
        <h1>Tokens</h1>
        <label className="hidden" htmlFor="token-search">
          Find a token
        </label>
        <input
          id="token-search"
          className="search"
          type="search"
          placeholder="Find a token"
          data-search=""
          value={wanted}
          onChange={(event) => setWanted(event.target.value)}
        />
        <ChangeButton primary onClick={() => setEditing("new")}>
          New token
        </ChangeButton>
      </div>
      <Show load={load} reload={reload} what="Tokens">
        {({ data, next }) => {
          const shown = data.filter(({ fingerprint, group, name }) =>
            `${name} ${group} ${fingerprint ?? ""}`.toLowerCase().includes(wanted.trim().toLowerCase())
          )
          return data.length === 0 ? (
            <Empty title="No tokens">
              Without tokens the relay answers this machine only. The first one should be an admin’s.
            </Empty>
          ) : shown.length === 0 ? (
            <Empty title={`No token is called ${wanted}`} />
          ) : (
            <>
              <Table
                label="Tokens"
                className="panel"
                name="tokens"
                heads={[
                  "Token",
                  "State",
                  "Models",
                  "Group",
                  figures(unit === plain ? "Balance" : `Balance, ${unit.name}`),
                  figures("Rate"),
                  "Expires",
                  buttons
                ]}
              >
                {shown.map((token) => (
                  <Row
                    key={token.name}
                    token={token}
                    quota={balances.get(token.name)}
                    now={now}
                    isOwn={token.name === own}
                    edit={() => setEditing(token)}
                    reload={reload}
                    showKey={(name, secret) => setKey({ name, key: secret })}
                  />
                ))}
              </Table>
              {next === undefined ? null : <p className="quiet">The first 1,000 are shown.</p>}
            </>
          )
        }}
      </Show>
      {editing === undefined ? null : (
        <TokenDialog
          token={editing === "new" ? undefined : editing}
          close={() => setEditing(undefined)}
          made={(name, secret) => {
            reload()
            if (secret === undefined) tell(`${name} is changed`)
            else setKey({ name, key: secret })
          }}
        />
      )}
      {key === undefined ? null : <NewKey name={key.name} secret={key.key} close={() => setKey(undefined)} />}
    </>
  )
}
