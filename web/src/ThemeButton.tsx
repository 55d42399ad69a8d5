/**
 * Whether a page is light or dark: as the system has it, until somebody chooses.
 */
import { useEffect, useState } from "react"

type Theme = "light" | "dark"

const name = "effect-resilience.theme"

const preferred = (): Theme => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")

const stored = (): Theme | undefined => {
  const value = localStorage.getItem(name)
  return value === "light" || value === "dark" ? value : undefined
}

/** Shows a page as it was chosen: before it is drawn, so that it does not change its colours before one's eyes. */
export const applyTheme = (): void => {
  const theme = stored()
  if (theme !== undefined) document.documentElement.dataset["theme"] = theme
}

/** The button that changes it. What was chosen is kept in this browser. */
export const ThemeButton = () => {
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
