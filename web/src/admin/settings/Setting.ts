/**
 * A setting, as the page has it. Pure.
 */
import { fieldsOf, flagOf, idOf, textOf } from "../Decode.ts"

/** One setting. */
export interface Setting {
  readonly path: string
  readonly value: unknown
  readonly default: unknown
  readonly source: string
  readonly description: string
  /** Its value is kept back. */
  readonly isSecret: boolean
  /** It may be changed here; else it takes the file, and for some a restart. */
  readonly isChangeable: boolean
  /** Why a value that an admin has given does not count. */
  readonly fault: string | undefined
}

/** A row of `GET /admin/settings`. */
export const settingOf = (value: unknown): Setting => {
  const setting = fieldsOf(value)
  return {
    path: idOf(setting["path"]),
    value: setting["value"],
    default: setting["default"],
    source: textOf(setting["source"]) ?? "default",
    description: textOf(setting["description"]) ?? "",
    isSecret: flagOf(setting["secret"], false),
    isChangeable: flagOf(setting["changeable"], true),
    fault: textOf(setting["fault"])
  }
}
