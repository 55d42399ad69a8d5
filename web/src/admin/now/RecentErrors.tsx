/**
 * The last requests that failed.
 */
import { ago, moment, nothing } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { Empty, Show } from "../part/Show.tsx"
import { useLoad, useNow } from "../part/useLoad.ts"
import { hashOf } from "../Place.ts"

/** The list. */
export const RecentErrors = () => {
  const { api } = useAdmin()
  const now = useNow()
  const [load, reload] = useLoad("recent", (signal) => api.errors({ kind: "request", limit: 8 }, signal), 10_000)
  return (
    <section className="panel">
      <div className="panel-head">
        <h2>Last failed requests</h2>
        <a href={hashOf("errors")}>All errors</a>
      </div>
      <Show load={load} reload={reload} what="The error log" lines={4}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty title="No request has failed" />
          ) : (
            <ul className="recent">
              {data.map((row) => (
                <li key={row.id}>
                  <a
                    href={
                      row.requestId === undefined
                        ? hashOf("errors", undefined, { row: row.id })
                        : hashOf("request", row.requestId)
                    }
                  >
                    <time
                      dateTime={row.at === undefined ? undefined : new Date(row.at).toISOString()}
                      title={moment(row.at)}
                    >
                      {ago(row.at, now)}
                    </time>
                    <code className="recent-code">{row.code ?? nothing}</code>
                    <span className="recent-message">{row.message ?? nothing}</span>
                    <span className="quiet recent-who">
                      {[row.model, row.token].filter((part) => part !== undefined).join(" · ")}
                    </span>
                  </a>
                </li>
              ))}
            </ul>
          )
        }
      </Show>
    </section>
  )
}
