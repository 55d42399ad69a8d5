/**
 * One field of a list's filters. It is written into the address once nothing is typed for a moment.
 */
import { useEffect, useId, useRef, useState } from "react"

/** How long nothing is typed before it is looked for. */
const rest = 250

/** The field. `choices` are offered, and anything else may be typed. */
export const FilterField = ({
  choices = [],
  label,
  onChange,
  placeholder,
  search = false,
  type = "text",
  value
}: {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly choices?: ReadonlyArray<string>
  readonly placeholder?: string
  /** It is what `/` leads to. */
  readonly search?: boolean
  readonly type?: "text" | "search" | "datetime-local"
}) => {
  const id = useId()
  const [text, setText] = useState(value)
  const change = useRef(onChange)
  change.current = onChange
  const told = useRef(value)
  useEffect(() => {
    // It was changed from elsewhere: by the back button, or by a click on a row.
    if (value === told.current) return
    told.current = value
    setText(value)
  }, [value])
  useEffect(() => {
    if (text === told.current) return
    const timer = setTimeout(() => {
      told.current = text
      change.current(text)
    }, rest)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <label className="filter" data-set={text !== ""} data-wide={search}>
      <span>{label}</span>
      <input
        type={type}
        list={choices.length === 0 ? undefined : id}
        value={text}
        placeholder={placeholder ?? "any"}
        autoComplete="off"
        spellCheck={false}
        data-search={search ? "" : undefined}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && text !== "") {
            event.stopPropagation()
            setText("")
          }
        }}
      />
      {choices.length === 0 ? null : (
        <datalist id={id}>
          {choices.map((choice) => (
            <option key={choice} value={choice} />
          ))}
        </datalist>
      )}
    </label>
  )
}
