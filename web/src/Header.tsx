/**
 * The head of the page: whose it is, and whether it is to be light or dark.
 */
import { useEffect, useState } from "react"
import markUrl from "./mark.svg"
import { about } from "./relay/about.ts"
import type { Room } from "./room/useRoom.ts"

type Theme = "light" | "dark"

const name = "effect-resilience.theme"

const preferred = (): Theme => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")

const stored = (): Theme | undefined => {
  const value = localStorage.getItem(name)
  return value === "light" || value === "dark" ? value : undefined
}

const ThemeButton = () => {
  const [theme, setTheme] = useState<Theme>(() => stored() ?? preferred())
  const [chosen, setChosen] = useState(() => stored() !== undefined)
  useEffect(() => {
    if (!chosen) return
    document.documentElement.dataset["theme"] = theme
    localStorage.setItem(name, theme)
  }, [chosen, theme])
  const other: Theme = theme === "dark" ? "light" : "dark"
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={`Show it ${other}`}
      onClick={() => {
        setChosen(true)
        setTheme(other)
      }}
    >
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
        <circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" strokeWidth="1.6" />
        <path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" />
      </svg>
    </button>
  )
}

/** The head. */
export const Header = ({ room }: { readonly room: Room }) => (
  <header className="top">
    <a className="brand" href="/">
      <img src={markUrl} alt="" width="26" height="26" />
      <span>{about.name}</span>
    </a>
    <span className="pill" data-reach={room.reach}>
      <span className="dot" aria-hidden="true" />
      {room.reach === "down" ? "relay gone" : room.reach === "unknown" ? "relay" : "relay serving"}
    </span>
    <nav aria-label="More">
      <a href="/health/ready">Health</a>
      {about.tokens ? null : <a href="/metrics">Metrics</a>}
    </nav>
    <ThemeButton />
  </header>
)
