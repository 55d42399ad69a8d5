/**
 * The question before something is done, and what is said after it.
 */
import { useRef, useState } from "react"
import { freshKey } from "../Api.ts"
import type { Failure } from "../Failure.ts"
import type { Act } from "./Admin.ts"
import { Dialog } from "./Dialog.tsx"
import { Problem } from "./Problem.tsx"

/** The question. It stays until it was done: what the relay refuses is read here. */
export const Ask = ({ act, close }: { readonly act: Act<unknown>; readonly close: (done: boolean) => void }) => {
  // One key for one question: asked again after an answer that was lost, it is done once.
  const key = useRef(freshKey())
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<Failure>()
  const run = async (): Promise<void> => {
    setBusy(true)
    setFailure(undefined)
    const result = await act.run(key.current)
    setBusy(false)
    if (result._tag === "Failed") {
      // What was refused is another request when it is asked again; what was not answered is the same.
      if (result.failure._tag === "Refused") key.current = freshKey()
      return setFailure(result.failure)
    }
    close(true)
    act.done?.(result.value)
  }
  return (
    <Dialog title={act.title} onClose={() => close(false)}>
      <div className="dialog-text">{act.says}</div>
      {failure === undefined ? null : <Problem failure={failure} />}
      <div className="dialog-foot">
        <button type="button" className="button" onClick={() => close(false)}>
          Cancel
        </button>
        <button
          type="button"
          className={`button ${act.danger === true ? "danger-fill" : "primary"}`}
          disabled={busy}
          onClick={() => void run()}
        >
          {busy ? "Working…" : act.verb}
        </button>
      </div>
    </Dialog>
  )
}
