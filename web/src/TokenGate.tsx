/**
 * What a relay with tokens shows first: it asks for one.
 */
import { type FormEvent, useState } from "react"

/** The form. The token is kept as long as the window is open. */
export const TokenGate = ({ setToken }: { readonly setToken: (token: string) => void }) => {
  const [text, setText] = useState("")
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (text.trim() !== "") setToken(text.trim())
  }
  return (
    <form className="card gate" onSubmit={submit}>
      <h2>This relay asks for a token</h2>
      <p className="quiet">It is sent to this relay only, and forgotten when you close the window.</p>
      <div className="gate-fields">
        <label className="hidden" htmlFor="gate-token">
          Token
        </label>
        <input
          id="gate-token"
          type="password"
          autoComplete="off"
          placeholder="Token"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit" className="button primary">
          Go on
        </button>
      </div>
    </form>
  )
}
