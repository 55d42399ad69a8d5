/**
 * All that the log has of one row.
 */
import { useEffect, useRef } from "react"
import { iso, moment, nothing, took } from "../Format.ts"
import { Copy } from "../part/Copy.tsx"
import { hashOf } from "../Place.ts"
import type { ErrorRow } from "./ErrorRow.ts"

/** What is shown above, or elsewhere. */
const told = new Set(["id", "at", "message", "trail", "request_id", "stream_id", "upstream_request_id", "kind", "code"])

/** Fields by which the list can be filtered: a click does it. */
const filterable: { readonly [field: string]: string } = {
  channel: "channel",
  model: "model",
  token: "token",
  class: "class",
  status_code: "status"
}

const shown = (name: string, value: unknown): string =>
  name.endsWith("_ms") && typeof value === "number"
    ? took(value)
    : typeof value === "string"
      ? value
      : JSON.stringify(value)

/** The row beside its list; over it where the window is narrow. */
export const ErrorDetail = ({
  close,
  filter,
  row
}: {
  readonly row: ErrorRow
  readonly close: () => void
  readonly filter: (name: string, value: string) => void
}) => {
  const closing = useRef(close)
  closing.current = close
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && document.querySelector("dialog[open]") === null) closing.current()
    }
    document.addEventListener("keydown", listen)
    return () => document.removeEventListener("keydown", listen)
  }, [])
  useEffect(() => {
    // Where it covers the list, the focus goes with it.
    if (matchMedia("(max-width: 60rem)").matches) heading.current?.focus()
  }, [row.id])
  const rest = Object.entries(row.fields).filter(
    ([name, value]) => !told.has(name) && value !== null && value !== undefined && value !== ""
  )
  return (
    <aside className="detail" aria-label="The chosen row">
      <div className="detail-head">
        <h2 ref={heading} tabIndex={-1}>
          {row.code ?? row.kind}
        </h2>
        <button type="button" className="icon-button" aria-label="Close" onClick={close}>
          ×
        </button>
      </div>
      <p className="quiet">
        {row.kind},{" "}
        <time dateTime={iso(row.at)} title={iso(row.at)}>
          {moment(row.at)}
        </time>
      </p>
      <p className="detail-message">{row.message ?? nothing}</p>
      {row.requestId === undefined ? null : (
        <p className="detail-id">
          <a className="button small" href={hashOf("request", row.requestId)}>
            The whole request
          </a>
          <Copy text={row.requestId} label="the request’s id" />
        </p>
      )}
      <dl className="facts">
        {row.streamId === undefined ? null : (
          <div>
            <dt>stream_id</dt>
            <dd>
              <Copy text={row.streamId} />
            </dd>
          </div>
        )}
        {row.upstreamRequestId === undefined ? null : (
          <div>
            <dt>upstream_request_id</dt>
            <dd>
              <Copy text={row.upstreamRequestId} />
            </dd>
          </div>
        )}
        {rest.map(([name, value]) => {
          const by = filterable[name]
          return (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                {by === undefined ? (
                  shown(name, value)
                ) : (
                  <button
                    type="button"
                    className="link"
                    title="Show only these"
                    onClick={() => filter(by, String(value))}
                  >
                    {shown(name, value)}
                  </button>
                )}
              </dd>
            </div>
          )
        })}
      </dl>
    </aside>
  )
}
