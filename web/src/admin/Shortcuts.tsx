/**
 * What the keyboard does beside Tab and Enter. Keys without Ctrl can be switched off: who speaks to a computer, or has a cat,
 * presses them unawares.
 */
import { useEffect, useRef, useState } from "react"
import { Dialog } from "./part/Dialog.tsx"
import { go, hashOf, titles, type View } from "./Place.ts"

/** The letter behind `g` that leads to a view. */
const letters: { readonly [letter: string]: View } = {
  n: "now",
  e: "errors",
  r: "request",
  l: "streams",
  c: "channels",
  t: "tokens",
  q: "ledger",
  s: "settings",
  a: "audit"
}

const name = "effect-resilience.shortcuts"

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))

/** Listens to them. */
export const useShortcuts = (open: (what: "palette" | "shortcuts") => void) => {
  const [on, setOn] = useState(() => localStorage.getItem(name) !== "off")
  const opening = useRef(open)
  opening.current = open
  useEffect(() => {
    let led = 0
    const listen = (event: KeyboardEvent): void => {
      if (document.querySelector("dialog[open]") !== null) return
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault()
        return opening.current("palette")
      }
      if (!on || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      const view = event.timeStamp - led < 1200 ? letters[event.key] : undefined
      led = 0
      if (view !== undefined) return go(hashOf(view))
      switch (event.key) {
        case "g":
          led = event.timeStamp
          return
        case "/": {
          event.preventDefault()
          const search = document.querySelector<HTMLInputElement>("[data-search]")
          return search === null ? opening.current("palette") : search.focus()
        }
        case "?":
          return opening.current("shortcuts")
      }
    }
    document.addEventListener("keydown", listen)
    return () => document.removeEventListener("keydown", listen)
  }, [on])
  return {
    on,
    setOn: (next: boolean): void => {
      localStorage.setItem(name, next ? "on" : "off")
      setOn(next)
    }
  }
}

/** What they are. */
export const Shortcuts = ({
  close,
  on,
  setOn
}: {
  readonly on: boolean
  readonly setOn: (on: boolean) => void
  readonly close: () => void
}) => (
  <Dialog title="Keyboard" onClose={close}>
    <dl className="shortcuts">
      <div>
        <dt>
          <kbd>Ctrl</kbd> <kbd>K</kbd>
        </dt>
        <dd>Find or go to anything</dd>
      </div>
      <div>
        <dt>
          <kbd>/</kbd>
        </dt>
        <dd>Search in this view</dd>
      </div>
      <div>
        <dt>
          <kbd>↑</kbd> <kbd>↓</kbd> <kbd>Enter</kbd>
        </dt>
        <dd>Through a list, and open a row; Escape closes it</dd>
      </div>
      {Object.entries(letters).map(([letter, view]) => (
        <div key={letter}>
          <dt>
            <kbd>g</kbd> <kbd>{letter}</kbd>
          </dt>
          <dd>{titles[view]}</dd>
        </div>
      ))}
    </dl>
    <label className="check">
      <input type="checkbox" checked={on} onChange={(event) => setOn(event.target.checked)} />
      Keys without Ctrl are on
    </label>
    <div className="dialog-foot">
      <button type="button" className="button" onClick={close}>
        Close
      </button>
    </div>
  </Dialog>
)
