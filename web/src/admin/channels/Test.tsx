/**
 * Asks a channel, or one of its keys, a little, and shows what came of it.
 */
import { useId, useState } from "react"
import { freshKey } from "../Api.ts"
import type { Result } from "../Failure.ts"
import { took } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { ChangeButton } from "../part/Button.tsx"
import { Dialog } from "../part/Dialog.tsx"
import { Problem } from "../part/Problem.tsx"
import type { TestResult } from "./TestResult.ts"

const Outcome = ({ result }: { readonly result: Result<TestResult> }) => {
  if (result._tag === "Failed") return <Problem failure={result.failure} />
  const { class: kind, code, firstContentMillis, message, ok, status, totalMillis } = result.value
  return (
    <div className="outcome" data-level={ok ? "good" : "bad"} role="status">
      <p className="outcome-title">
        {ok
          ? `It answers: first content after ${took(firstContentMillis)}, all after ${took(totalMillis)}`
          : "It does not answer"}
      </p>
      {ok ? null : (
        <p>
          <code>{[status, code, kind].filter((part) => part !== undefined).join(" ")}</code>
        </p>
      )}
      {message === undefined ? null : <p className="detail-message">{message}</p>}
    </div>
  )
}

/** The button, and its window. */
export const Test = ({
  channelKey,
  id,
  label,
  models
}: {
  readonly id: string
  readonly channelKey: number | undefined
  readonly models: ReadonlyArray<string>
  readonly label: string
}) => {
  const { api } = useAdmin()
  const [isOpen, setOpen] = useState(false)
  const [model, setModel] = useState("")
  const [busy, setBusy] = useState(false)
  const [result, setResult] = useState<Result<TestResult>>()
  const list = useId()
  const run = async (): Promise<void> => {
    setBusy(true)
    setResult(undefined)
    setResult(
      await api.testChannel(
        id,
        { ...(channelKey === undefined ? {} : { key: channelKey }), ...(model === "" ? {} : { model }) },
        freshKey()
      )
    )
    setBusy(false)
  }
  return (
    <>
      <ChangeButton label={label} onClick={() => setOpen(true)}>
        Test
      </ChangeButton>
      {isOpen ? (
        <Dialog title={`${label}?`} onClose={() => setOpen(false)}>
          <div className="dialog-text">
            <p>
              One short question is asked upstream, for which its vendor may charge some tokens. It counts in no figure
              of the relay.
            </p>
            <label className="form-field">
              <span>Model</span>
              <input
                value={model}
                list={list}
                placeholder={models.find((name) => !name.includes("*")) ?? "the channel’s first"}
                onChange={(event) => setModel(event.target.value)}
              />
              <datalist id={list}>
                {models
                  .filter((name) => !name.includes("*"))
                  .map((name) => (
                    <option key={name} value={name} />
                  ))}
              </datalist>
            </label>
          </div>
          {result === undefined ? null : <Outcome result={result} />}
          <div className="dialog-foot">
            <button type="button" className="button" onClick={() => setOpen(false)}>
              Close
            </button>
            <button type="button" className="button primary" disabled={busy} onClick={() => void run()}>
              {busy ? "Asking…" : result === undefined ? "Test" : "Test again"}
            </button>
          </div>
        </Dialog>
      ) : null}
    </>
  )
}
