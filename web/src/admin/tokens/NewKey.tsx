/**
 * A new key. It is shown here and never again: the relay keeps no more of it than its hash.
 */
import { useState } from "react"
import { Copy } from "../part/Copy.tsx"
import { Dialog } from "../part/Dialog.tsx"

/** The window. It closes once somebody says that the key is kept. */
export const NewKey = ({
  close,
  name,
  secret
}: {
  readonly name: string
  readonly secret: string
  readonly close: () => void
}) => {
  const [kept, setKept] = useState(false)
  return (
    <Dialog title={`The key of ${name}`} onClose={() => (kept ? close() : undefined)}>
      <div className="dialog-text">
        <p>It is shown this once. The relay keeps only a hash of it; when it is lost, rotate the token.</p>
        <div className="new-key">
          <Copy text={secret} label="the key" />
        </div>
        <label className="check">
          <input type="checkbox" checked={kept} onChange={(event) => setKept(event.target.checked)} />I have put it
          where it is kept
        </label>
      </div>
      <div className="dialog-foot">
        <button type="button" className="button primary" disabled={!kept} onClick={close}>
          Done
        </button>
      </div>
    </Dialog>
  )
}
