/**
 * What was done, said in passing, with a way back where there is one.
 */
import { useEffect, useRef, useState } from "react"
import { freshKey } from "../Api.ts"
import { inOneLine } from "../Failure.ts"
import type { Act } from "./Admin.ts"

/** Something that was said. */
export interface Said {
  readonly id: number
  readonly text: string
  readonly undo: Act<unknown>["undo"] | undefined
  readonly after: (() => void) | undefined
}

/** How long it stays; with a way back, longer. It stays as long as somebody points at it or has the focus in it. */
const stays = { plain: 6000, undo: 15_000 } as const

const Toast = ({
  close,
  said,
  tell
}: {
  readonly said: Said
  readonly close: () => void
  readonly tell: (text: string) => void
}) => {
  const [held, setHeld] = useState(false)
  const [busy, setBusy] = useState(false)
  const closing = useRef(close)
  closing.current = close
  useEffect(() => {
    if (held || busy) return
    const timer = setTimeout(() => closing.current(), said.undo === undefined ? stays.plain : stays.undo)
    return () => clearTimeout(timer)
  }, [held, busy, said.undo])
  const { undo } = said
  const back = async (run: NonNullable<Said["undo"]>["run"], told: string): Promise<void> => {
    setBusy(true)
    const result = await run(freshKey())
    close()
    tell(result._tag === "Ok" ? told : `Not undone: ${inOneLine(result.failure)}`)
    said.after?.()
  }
  return (
    <li
      className="toast"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <span>{said.text}</span>
      {undo === undefined ? null : (
        <button
          type="button"
          className="link"
          aria-label={`Undo: ${said.text}`}
          disabled={busy}
          onClick={() => void back(undo.run, undo.told)}
        >
          Undo
        </button>
      )}
      <button type="button" className="toast-close" aria-label="Dismiss" onClick={close}>
        ×
      </button>
    </li>
  )
}

/** All that was said and not gone yet. */
export const Toasts = ({
  all,
  close,
  tell
}: {
  readonly all: ReadonlyArray<Said>
  readonly close: (id: number) => void
  readonly tell: (text: string) => void
}) => (
  <section className="toasts" aria-label="What was done" aria-live="polite">
    <ul>
      {all.map((said) => (
        <Toast key={said.id} said={said} close={() => close(said.id)} tell={tell} />
      ))}
    </ul>
  </section>
)
