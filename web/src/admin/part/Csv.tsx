/**
 * Takes a list along as a file.
 */
import { useState } from "react"
import type { Filters } from "../Api.ts"
import { inOneLine } from "../Failure.ts"
import { useAdmin } from "./Admin.ts"

/** The button. */
export const Csv = ({
  filters,
  name,
  path
}: {
  readonly path: string
  readonly filters: Filters
  readonly name: string
}) => {
  const { api, tell } = useAdmin()
  const [busy, setBusy] = useState(false)
  const load = async (): Promise<void> => {
    setBusy(true)
    const result = await api.csv(path, filters)
    setBusy(false)
    if (result._tag === "Failed") return tell(`No file: ${inOneLine(result.failure)}`)
    const url = URL.createObjectURL(result.value)
    const link = document.createElement("a")
    link.href = url
    link.download = `${name}-${new Date().toISOString().slice(0, 10)}.csv`
    link.click()
    setTimeout(() => URL.revokeObjectURL(url), 10_000)
  }
  return (
    <button type="button" className="button small" disabled={busy} onClick={() => void load()}>
      {busy ? "Writing…" : "CSV"}
    </button>
  )
}
