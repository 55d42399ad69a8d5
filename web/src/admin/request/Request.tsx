/**
 * What became of one request: its id leads here from a log, from a customer, from the list of errors.
 */
import { type FormEvent, useState } from "react"
import { amountOf, exactOf, headOf } from "../Credits.ts"
import { iso, moment, nothing, took } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { Copy } from "../part/Copy.tsx"
import { Empty, Show } from "../part/Show.tsx"
import { useLoad } from "../part/useLoad.ts"
import { go, hashOf } from "../Place.ts"
import { type Step, type Story, storyOf } from "./story.ts"

const Ask = ({ id }: { readonly id: string }) => {
  const [text, setText] = useState(id)
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (text.trim() !== "") go(hashOf("request", text.trim()))
  }
  return (
    <form className="request-ask" onSubmit={submit}>
      <label className="filter" data-wide="true">
        <span>Request id</span>
        <input
          value={text}
          placeholder="req_…"
          data-search=""
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      <button type="submit" className="button small">
        Show
      </button>
    </form>
  )
}

/** A share of the request's time, as the chart places it. */
const at = (millis: number, length: number): string => `${Math.min(100, (millis / length) * 100).toFixed(2)}%`

const StepRow = ({ length, step }: { readonly step: Step; readonly length: number }) => {
  const level = step.end === "whole" ? "good" : step.end === "failed" ? "bad" : "note"
  const { row } = step
  return (
    <li className="step-row">
      <details>
        <summary>
          <span className="step-who">
            <b>{step.channel ?? nothing}</b>
            {step.key === undefined ? null : <span className="quiet"> key {step.key}</span>}
          </span>
          <span className="step-plot" aria-hidden="true">
            <span
              className="step-bar"
              data-level={level}
              style={{ left: at(step.from, length), width: at(Math.max(step.to - step.from, length / 200), length) }}
            />
            {step.firstContent === undefined ? null : (
              <span className="step-first" style={{ left: at(step.firstContent, length) }} />
            )}
          </span>
          <span className="step-end" data-level={level}>
            {step.end === "failed" ? (step.code ?? step.class ?? "failed") : step.end}
            {step.continuation === undefined ? null : <span className="quiet"> by {step.continuation}</span>}
          </span>
          <span className="step-took">{took(step.to - step.from)}</span>
        </summary>
        {row === undefined ? (
          <p className="quiet">
            {step.end === "passed over"
              ? "It was not asked: it has no words for what was asked for."
              : "The log has no row of this attempt: attempts that went well leave one only with errorLog.successes."}
          </p>
        ) : (
          <>
            <p className="detail-message">{row.message ?? nothing}</p>
            <dl className="facts">
              {Object.entries(row.fields)
                .filter(
                  ([name, value]) =>
                    value !== null &&
                    value !== undefined &&
                    value !== "" &&
                    !["id", "message", "trail", "kind", "request_id", "stream_id"].includes(name)
                )
                .map(([name, value]) => (
                  <div key={name}>
                    <dt>{name}</dt>
                    <dd>
                      {name === "upstream_request_id" ? (
                        <Copy text={String(value)} />
                      ) : name === "at" ? (
                        iso(row.at)
                      ) : name.endsWith("_ms") && typeof value === "number" ? (
                        took(value)
                      ) : typeof value === "object" ? (
                        JSON.stringify(value)
                      ) : (
                        String(value)
                      )}
                    </dd>
                  </div>
                ))}
            </dl>
          </>
        )}
      </details>
    </li>
  )
}

const Told = ({ id, story }: { readonly id: string; readonly story: Story }) => {
  const { length, request, steps } = story
  const { unit } = useAdmin()
  const well = request !== undefined && request.class === undefined && request.code === undefined
  return (
    <article className="story">
      <header className="story-head" data-level={well ? "good" : request === undefined ? "warn" : "bad"}>
        <h2>
          {request === undefined
            ? "The request itself left no row: it went well in the end, or is still under way"
            : well
              ? "It went well"
              : `${request.status ?? ""} ${request.code ?? "failed"}`}
        </h2>
        {request?.message === undefined ? null : <p className="detail-message">{request.message}</p>}
      </header>
      <dl className="facts wide">
        <div>
          <dt>Request</dt>
          <dd>
            <Copy text={id} />
          </dd>
        </div>
        {request?.streamId === undefined ? null : (
          <div>
            <dt>Stream</dt>
            <dd>
              <Copy text={request.streamId} />
            </dd>
          </div>
        )}
        <div>
          <dt>Began</dt>
          <dd>
            <time dateTime={iso(story.beganAt)} title={iso(story.beganAt)}>
              {moment(story.beganAt)}
            </time>
          </dd>
        </div>
        <div>
          <dt>Took</dt>
          <dd>{took(request?.durationMillis ?? length)}</dd>
        </div>
        <div>
          <dt>Model</dt>
          <dd>{request?.model ?? steps[0]?.row?.model ?? nothing}</dd>
        </div>
        <div>
          <dt>Token</dt>
          <dd>{request?.token ?? steps[0]?.row?.token ?? nothing}</dd>
        </div>
        {request?.credits === undefined ? null : (
          <div>
            <dt>{headOf(unit)}</dt>
            <dd title={exactOf(request.credits)}>{amountOf(request.credits, unit)}</dd>
          </div>
        )}
      </dl>
      <h3 id="attempts">
        {steps.length === 0 ? "Nobody was asked" : steps.length === 1 ? "One attempt" : `${steps.length} attempts`}
      </h3>
      {steps.length === 0 ? (
        <p className="quiet">The relay refused it before it asked a channel. That costs nothing upstream.</p>
      ) : (
        <>
          <ol className="steps" aria-labelledby="attempts">
            {steps.map((step, index) => (
              <StepRow key={index} step={step} length={length} />
            ))}
          </ol>
          <p className="steps-axis" aria-hidden="true">
            <span>0</span>
            <span>{took(length / 2)}</span>
            <span>{took(length)}</span>
          </p>
        </>
      )}
    </article>
  )
}

const Found = ({ id }: { readonly id: string }) => {
  const { api } = useAdmin()
  const [load, reload] = useLoad(`request ${id}`, (signal) => api.request(id, signal))
  return load._tag === "Absent" || (load._tag === "Loaded" && load.value.data.length === 0) ? (
    <Empty title="The log has nothing of this request">
      It went well, or it is older than the log keeps, or the id is not right. An id stands in the{" "}
      <code>x-request-id</code> of every answer, in each error, and in the relay’s log.
    </Empty>
  ) : (
    <Show load={load} reload={reload} what="The error log">
      {({ data }) => <Told id={id} story={storyOf(data)} />}
    </Show>
  )
}

/** The view. */
export const Request = ({ id }: { readonly id: string | undefined }) => (
  <>
    <div className="view-head">
      <h1>Request</h1>
    </div>
    <Ask key={id ?? ""} id={id ?? ""} />
    {id === undefined ? (
      <Empty title="Which one?">
        Its id stands in the x-request-id of every answer, in each error, and in the relay’s log.
      </Empty>
    ) : (
      <Found id={id} />
    )}
  </>
)
