/**
 * Where a token is written, and handed in.
 */
import type { FormEvent } from "react"
import { useState } from "react"

/** What has been written so far, and how it is handed in: without spaces around it, and never empty. */
export const useTokenForm = (setToken: (token: string) => void) => {
  const [text, setText] = useState("")
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (text.trim() !== "") setToken(text.trim())
  }
  return { text, setText, submit }
}

/** The field and its button, for a form around them. `focused`: it is what one comes for. */
export const TokenField = ({
  focused = false,
  setText,
  text
}: {
  readonly text: string
  readonly setText: (text: string) => void
  readonly focused?: boolean
}) => (
  <div className="gate-fields">
    <label className="hidden" htmlFor="gate-token">
      Token
    </label>
    <input
      id="gate-token"
      type="password"
      autoComplete="off"
      placeholder="Token"
      autoFocus={focused}
      value={text}
      onChange={(event) => setText(event.target.value)}
    />
    <button type="submit" className="button primary">
      Go on
    </button>
  </div>
)
