/**
 * The question: what is asked, of which model, and the way to stop it.
 */
import { type FormEvent, useEffect, useId, useState } from "react"

const models = async (token: string | undefined): Promise<ReadonlyArray<string>> => {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const answer = await fetch("/v1/models", { headers })
  if (!answer.ok) return []
  const { data } = (await answer.json()) as { readonly data: ReadonlyArray<{ readonly id: string }> }
  return data.map(({ id }) => id)
}

/** The form. The model is one that the relay lists, or any name: patterns are not listed. */
export const Composer = ({
  ask,
  busy,
  model,
  setModel,
  setToken,
  stop,
  token,
  withTokens
}: {
  readonly ask: (message: string) => void
  readonly busy: boolean
  readonly stop: () => void
  readonly model: string
  readonly setModel: (model: string) => void
  readonly token: string | undefined
  readonly setToken: (token: string | undefined) => void
  readonly withTokens: boolean
}) => {
  const [message, setMessage] = useState("Why does this answer survive?")
  const [known, setKnown] = useState<ReadonlyArray<string>>([])
  const listId = useId()
  useEffect(() => {
    if (withTokens && token === undefined) return
    models(token).then(setKnown, () => setKnown([]))
  }, [token, withTokens])
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (busy) stop()
    else if (message.trim() !== "") ask(message)
  }
  return (
    <form className="composer card" onSubmit={submit}>
      <label className="hidden" htmlFor="message">
        Message
      </label>
      <textarea
        id="message"
        rows={2}
        maxLength={2000}
        value={message}
        placeholder="Ask anything"
        onChange={(event) => setMessage(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) submit(event)
          if (event.key === "Escape" && busy) stop()
        }}
      />
      <div className="composer-foot">
        <label className="field">
          <span>Model</span>
          <input
            id="model"
            list={listId}
            value={model}
            placeholder="the relay's choice"
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setModel(event.target.value)}
          />
          <datalist id={listId}>
            {known.map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </label>
        {withTokens ? (
          <label className="field">
            <span>Token</span>
            <input
              id="token"
              type="password"
              value={token ?? ""}
              autoComplete="off"
              onChange={(event) => setToken(event.target.value === "" ? undefined : event.target.value)}
            />
          </label>
        ) : null}
        <span className="keys" aria-hidden="true">
          {busy ? "Esc" : "Enter"}
        </span>
        <button id="ask" type="submit" className="button primary" data-busy={busy}>
          {busy ? "Stop" : "Ask"}
        </button>
      </div>
    </form>
  )
}
