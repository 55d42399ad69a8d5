/**
 * A window with a form: what the relay says of a field stands under it, and what it says of all of it below.
 */
import { type FormEvent, type ReactNode, useId, useRef, useState } from "react"
import { freshKey } from "../Api.ts"
import type { Failure, Result } from "../Failure.ts"
import { Dialog } from "./Dialog.tsx"
import { Problem } from "./Problem.tsx"

/** A field with its name, what is to be known of it, and what is wrong with it. */
export const Field = ({
  children,
  hint,
  label,
  wide = false,
  wrong
}: {
  readonly label: string
  readonly hint?: ReactNode
  readonly wide?: boolean
  readonly wrong?: string | undefined
  readonly children: (ids: {
    readonly id: string
    readonly "aria-describedby": string | undefined
    readonly "aria-invalid": boolean
  }) => ReactNode
}) => {
  const id = useId()
  const says = wrong ?? hint
  return (
    <div className={wide ? "form-field form-wide" : "form-field"} data-wrong={wrong !== undefined}>
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        "aria-describedby": says === undefined ? undefined : `${id}-says`,
        "aria-invalid": wrong !== undefined
      })}
      {says === undefined ? null : <small id={`${id}-says`}>{says}</small>}
    </div>
  )
}

/** What the relay says of a field, by its path or by one within it. */
export const saidOf = (failure: Failure | undefined, ...names: ReadonlyArray<string>): string | undefined =>
  failure?._tag === "Refused"
    ? failure.details.find(({ field }) =>
        names.some((name) => field === name || field.startsWith(`${name}.`) || field.startsWith(`${name}[`))
      )?.message
    : undefined

/** The window. It stays until it was done: what the relay refuses is read here. */
export const FormDialog = <A,>({
  children,
  close,
  done,
  nothing,
  run,
  says,
  title,
  verb
}: {
  readonly title: string
  /** What it will do, where that is not plain. */
  readonly says?: ReactNode
  /** What the button says. */
  readonly verb: string
  /** There is nothing to be sent yet. */
  readonly nothing: boolean
  /** `key` is the same however often it is tried after an answer that was lost. */
  readonly run: (key: string) => Promise<Result<A>>
  readonly done: (value: A) => void
  readonly close: () => void
  /** The fields. `wrong` says what the relay said of one. */
  readonly children: (wrong: (...names: ReadonlyArray<string>) => string | undefined) => ReactNode
}) => {
  const key = useRef(freshKey())
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<Failure>()
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (nothing || busy) return
    setBusy(true)
    setFailure(undefined)
    const result = await run(key.current)
    setBusy(false)
    if (result._tag === "Ok") {
      close()
      return done(result.value)
    }
    // What was refused is another request when it is asked again; what was not answered is the same.
    if (result.failure._tag === "Refused") key.current = freshKey()
    setFailure(result.failure)
  }
  return (
    <Dialog title={title} onClose={close} wide>
      <form onSubmit={(event) => void submit(event)} noValidate>
        {says === undefined ? null : <div className="dialog-text">{says}</div>}
        <div className="form">{children((...names) => saidOf(failure, ...names))}</div>
        {failure === undefined ? null : <Problem failure={failure} />}
        <div className="dialog-foot">
          <button type="button" className="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={busy || nothing}>
            {busy ? "Working…" : verb}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
