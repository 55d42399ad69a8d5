/**
 * One setting.
 */
import { useId } from "react"
import { written } from "../Format.ts"
import { ChangeButton } from "../part/Button.tsx"
import type { Setting } from "./Setting.ts"
import { isSame, typedOf } from "./edit.ts"

const sources: { readonly [source: string]: string } = {
  default: "default",
  file: "from the file",
  admin: "set by an admin"
}

/** The row. A secret is not shown, and can be written all the same. */
export const SettingRow = ({
  canWrite,
  isChanged,
  reset,
  setting,
  type,
  typed,
  wrong
}: {
  readonly setting: Setting
  readonly typed: string | undefined
  readonly isChanged: boolean
  readonly wrong: string | undefined
  readonly canWrite: boolean
  readonly type: (text: string | undefined) => void
  readonly reset: () => void
}) => {
  const id = useId()
  const { default: otherwise, description, fault, isChangeable, isSecret, path, source, value } = setting
  const text = typed ?? (isSecret ? "" : typedOf(value))
  const isSwitch = typeof value === "boolean" || (value === undefined && typeof otherwise === "boolean")
  const shared = {
    id,
    "aria-describedby": `${id}-says`,
    "aria-invalid": wrong !== undefined,
    disabled: !canWrite
  }
  return (
    <li className="setting" data-changed={isChanged} data-source={source}>
      <div className="setting-name">
        <label htmlFor={id}>
          <code>{path}</code>
        </label>
        <p id={`${id}-says`}>
          {description}
          {wrong === undefined ? null : <strong className="setting-wrong"> {wrong}</strong>}
          {fault === undefined ? null : (
            <strong className="setting-wrong"> What an admin has set does not count: {fault}</strong>
          )}
        </p>
      </div>
      <div className="setting-value">
        {isSwitch ? (
          <select {...shared} value={text} onChange={(event) => type(event.target.value)}>
            <option value="true">true</option>
            <option value="false">false</option>
          </select>
        ) : text.length > 44 ? (
          <textarea
            {...shared}
            rows={Math.min(6, Math.ceil(text.length / 44))}
            spellCheck={false}
            value={text}
            onChange={(event) => type(event.target.value)}
          />
        ) : (
          <input
            {...shared}
            autoComplete="off"
            spellCheck={false}
            value={text}
            placeholder={isSecret ? "not shown" : "null"}
            onChange={(event) => type(event.target.value)}
          />
        )}
        <p className="setting-source">
          <span className="tag" data-source={source}>
            {sources[source] ?? source}
          </span>
          {isChangeable ? null : <span className="quiet">changed in the file</span>}
          {isSame(value, otherwise) || isSecret ? null : <span className="quiet">default {written(otherwise)}</span>}
          {isChanged ? (
            <button type="button" className="link" onClick={() => type(undefined)}>
              As it was
            </button>
          ) : null}
          {source === "admin" && !isChanged ? (
            <ChangeButton label={`Reset ${path}`} onClick={reset}>
              Reset
            </ChangeButton>
          ) : null}
        </p>
      </div>
    </li>
  )
}
