/**
 * What a test of a channel found, as the page has it. Pure.
 */
import { fieldsOf, flagOf, numberOf, textOf } from "../Decode.ts"

/** What a test of a channel found. */
export interface TestResult {
  readonly ok: boolean
  readonly class: string | undefined
  readonly code: string | undefined
  readonly status: number | undefined
  readonly firstContentMillis: number | undefined
  readonly totalMillis: number | undefined
  readonly message: string | undefined
}

/** The answer of `POST /admin/channels/{id}/test`. */
export const testResultOf = (value: unknown): TestResult => {
  const result = fieldsOf(value)
  return {
    ok: flagOf(result["ok"], false),
    class: textOf(result["class"]),
    code: textOf(result["code"]),
    status: numberOf(result["status"]),
    firstContentMillis: numberOf(result["firstContentMs"]),
    totalMillis: numberOf(result["totalMs"]),
    message: textOf(result["message"])
  }
}
