/**
 * What a relay with tokens shows first: it asks for one.
 */
import { TokenField, useTokenForm } from "./TokenField.tsx"

/** The form. The token is kept as long as the window is open. */
export const TokenGate = ({ setToken }: { readonly setToken: (token: string) => void }) => {
  const { setText, submit, text } = useTokenForm(setToken)
  return (
    <form className="card gate" onSubmit={submit}>
      <h2>This relay asks for a token</h2>
      <p className="quiet">It is sent to this relay only, and forgotten when you close the window.</p>
      <TokenField text={text} setText={setText} />
    </form>
  )
}
