/**
 * Answers that are being written, and what stops one.
 */
import { iso, moment, nothing, span, whole } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { ChangeButton } from "../part/Button.tsx"
import { Empty, Show } from "../part/Show.tsx"
import { buttons, figures, Table } from "../part/Table.tsx"
import { useLoad, useNow } from "../part/useLoad.ts"
import type { LiveStream, Writer } from "./LiveStream.ts"

const writers: { readonly [writer in Writer]: string } = {
  me: "this relay",
  another: "another relay",
  gone: "nobody: its relay is gone"
}

const Row = ({
  now,
  reload,
  stream
}: {
  readonly stream: LiveStream
  readonly now: number
  readonly reload: () => void
}) => {
  const { api, ask } = useAdmin()
  return (
    <tr>
      <th scope="row">
        <code>{stream.id}</code>
      </th>
      <td>{stream.token ?? nothing}</td>
      {stream.model === undefined ? null : <td>{stream.model}</td>}
      <td>
        <time dateTime={iso(stream.startedAt)} title={moment(stream.startedAt)}>
          {stream.startedAt === undefined ? nothing : span(Math.max(0, now - stream.startedAt))}
        </time>
      </td>
      <td className="number">{whole(stream.events)}</td>
      <td data-level={stream.writer === "gone" ? "warn" : ""}>{writers[stream.writer]}</td>
      <td className="row-acts">
        <ChangeButton
          danger
          label={`Cancel ${stream.id}`}
          onClick={() =>
            ask({
              title: `Cancel ${stream.id}?`,
              says: (
                <p>
                  The answer{stream.token === undefined ? "" : ` of ${stream.token}`} ends now, for everybody who reads
                  it, and the upstream is told to stop. What was delivered is paid for. This cannot be undone.
                </p>
              ),
              verb: "Cancel the answer",
              danger: true,
              run: (key) => api.cancelStream(stream.id, key),
              refresh: reload,
              told: `${stream.id} is cancelled`
            })
          }
        >
          Cancel
        </ChangeButton>
      </td>
    </tr>
  )
}

/** The view. */
export const Streams = () => {
  const { api } = useAdmin()
  const now = useNow(1000)
  const [load, reload] = useLoad("streams", api.streams, 2000)
  return (
    <>
      <div className="view-head">
        <h1>Streams</h1>
        <span className="quiet">looked at every 2 s</span>
      </div>
      <Show load={load} reload={reload} what="Streams">
        {({ data, next }) =>
          data.length === 0 ? (
            <Empty title="Nothing is being written">Answers stand here from their first word to their last.</Empty>
          ) : (
            <>
              <Table
                label="Streams"
                className="panel"
                heads={[
                  "Stream",
                  "Token",
                  ...(data.some(({ model }) => model !== undefined) ? ["Model"] : []),
                  "For",
                  figures("Events"),
                  "Written by",
                  buttons
                ]}
              >
                {data.map((stream) => (
                  <Row key={stream.id} stream={stream} now={now} reload={reload} />
                ))}
              </Table>
              {next === undefined ? null : <p className="quiet">More are under way than are shown here.</p>}
            </>
          )
        }
      </Show>
    </>
  )
}
