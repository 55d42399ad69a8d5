/**
 * A text to take along.
 */
import { useEffect, useRef, useState } from "react"

/** Shows a text, and copies it. Where a page may not write to the clipboard, it is marked, to be copied by hand. */
export const Copy = ({ label, text }: { readonly text: string; readonly label?: string }) => {
  const [said, setSaid] = useState("Copy")
  const shown = useRef<HTMLElement>(null)
  useEffect(() => {
    if (said === "Copy") return
    const timer = setTimeout(() => setSaid("Copy"), 2500)
    return () => clearTimeout(timer)
  }, [said])
  const mark = (): void => {
    if (shown.current !== null) getSelection()?.selectAllChildren(shown.current)
    setSaid("Marked: press Ctrl C")
  }
  const copy = (): void => {
    // There is none where the page does not come by TLS from another machine.
    const clipboard = navigator.clipboard as Clipboard | undefined
    if (clipboard === undefined) return mark()
    clipboard.writeText(text).then(() => setSaid("Copied"), mark)
  }
  return (
    <span className="copyable">
      <code ref={shown}>{text}</code>
      <button type="button" className="copy-button" onClick={copy} aria-label={`Copy ${label ?? text}`}>
        {said}
      </button>
    </span>
  )
}
