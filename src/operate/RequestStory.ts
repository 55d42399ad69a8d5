/**
 * A request's story, for who is asked at night what became of it: who was asked when, what each said, what was shown, why
 * it ended, and what to do. Pure: rows of the error log in, lines out.
 */
import { type Blame, isBlame } from "../errors/index.ts"
import type { ErrorRow, TrailStep } from "./ErrorRow.ts"

/** What helps, by whose fault it was. */
const advice: { readonly [B in Blame]: string } = {
  caller: "The request itself is wrong: its sender has to change it. No channel was blamed.",
  content: "It was refused for what it says: its sender has to say something else.",
  credential: "Look at this key with its vendor, and put another one in its place. Until then the rest serve.",
  quota: "This key has no money or quota left: top it up with its vendor.",
  rate: "This key was asked too often: it rests until its vendor's hint. More keys, or another channel, spread the load.",
  model: "This channel has no such model: look at its models and modelMapping.",
  channel: "This channel is set up wrongly: look at its params, headers and modelMapping.",
  upstream: "The upstream failed: its status page, and its support with the upstream's id of the request.",
  timeout:
    "The upstream was silent for longer than its clock allows: timeouts of the channel, or another channel first.",
  transport:
    "The upstream could not be reached or the connection broke: network, DNS, proxy, TLS between here and there.",
  rejected: "Nobody was asked: the channel rests after failures, or is full. Look at what failed before.",
  exhausted: "Time, budget or channels ran out: the attempts above say why each of them failed.",
  storage: "The relay's own store failed: disk space, rights, and who else has the file. Channels are not to blame.",
  cancelled: "The client left or somebody cancelled it: nothing is wrong here.",
  defect: "A bug of the relay: the log has its stack under this request id; report it."
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, 23)

const seconds = (millis: number): string => (millis < 1000 ? `${millis} ms` : `${(millis / 1000).toFixed(1)} s`)

const place = (channel: string | null, key: number | null, model: string | null): string =>
  [channel ?? "nobody", ...(key === null ? [] : [`key ${key}`]), ...(model === null ? [] : [`as ${model}`])].join(", ")

const beganAt = ({ at, duration_ms }: ErrorRow): number => at - (duration_ms ?? 0)

/** What an attempt's own row says. */
const attemptLines = (row: ErrorRow): ReadonlyArray<string> => {
  const answered = [
    row.upstream_status === null ? "no answer" : `answered ${row.upstream_status}`,
    ...(row.upstream_code === null ? [] : [row.upstream_code])
  ].join(" ")
  const shown =
    row.first_content_ms === null ? [] : [`its first content was shown after ${seconds(row.first_content_ms)}`]
  return [
    `${clock(beganAt(row))}  attempt ${row.attempt}: ${place(row.channel, row.key, row.channel_model)}${row.continuation === undefined ? "" : `, to go on (${row.continuation})`}`,
    `${clock(row.at)}    failed after ${seconds(row.duration_ms ?? 0)}: ${row.class}, ${row.code} (${answered})`,
    ...(row.message === null ? [] : [`                it said: ${row.message}`]),
    ...shown.map((line) => `                ${line}`),
    ...(row.retry_after_ms === null
      ? []
      : [`                it wants to be asked again in ${seconds(row.retry_after_ms)}`]),
    ...(row.upstream_request_id === null ? [] : [`                its id of the request: ${row.upstream_request_id}`])
  ]
}

/** What only the trail says: an attempt that went well, or a channel that was passed over. */
const stepLines = (step: TrailStep): ReadonlyArray<string> => {
  const where = place(step.channel, step.key, step.channel_model)
  if (step.attempt === 0) return [`              passed over: ${where}, which has no words for the request`]
  const came = step.class === null ? "went well" : `failed: ${step.class}, ${step.code ?? ""}`
  return [`              attempt ${step.attempt}: ${where} ${came} after ${seconds(step.duration_ms)}`]
}

const ended = (row: ErrorRow): ReadonlyArray<string> => {
  const shown =
    row.first_content_ms === null
      ? "nothing was shown"
      : `shown from ${seconds(row.first_content_ms)} on, ${row.output_tokens ?? 0} tokens${row.seam === undefined ? "" : `, joined (${row.seam})`}`
  const why = row.class === null ? "it went well" : `${row.class}, ${row.code}, the client was told ${row.status_code}`
  return [
    `${clock(row.at)}  ended after ${seconds(row.duration_ms ?? 0)}: ${why}`,
    ...(row.message === null ? [] : [`                ${row.message}`]),
    `                ${shown}`
  ]
}

/** One answer, or one refusal: the rows of a stream. */
const chapter = (rows: ReadonlyArray<ErrorRow>): ReadonlyArray<string> => {
  const attempts = rows.filter(({ kind }) => kind === "attempt")
  const request = rows.find(({ kind }) => kind === "request")
  const told = request ?? attempts.at(-1)
  if (told === undefined) return []
  const known = new Set(attempts.map(({ attempt }) => attempt))
  const others = (request?.trail ?? []).filter(({ attempt }) => !known.has(attempt))
  const blame = told.class
  return [
    `stream ${told.stream_id ?? "none: nothing was begun for it"}`,
    `token ${told.token ?? "none"}, group ${told.group ?? "none"}, model ${told.model ?? "unknown"}${told.trace_id === undefined ? "" : `, trace ${told.trace_id}`}${told.ip === undefined ? "" : `, from ${told.ip}`}`,
    "",
    // Both are reckoned back from an end, and rounded.
    ...(request === undefined ? [] : [`${clock(Math.min(...[request, ...attempts].map(beganAt)))}  the request came`]),
    ...attempts.flatMap(attemptLines),
    ...others.flatMap(stepLines),
    ...(request === undefined
      ? ["", "No failure of the whole request is known: another attempt went well, or it is still under way."]
      : ended(request)),
    "",
    ...(blame !== null && isBlame(blame) ? [`What to do: ${advice[blame]}`] : [])
  ]
}

/** The story of the rows of a request, oldest first. A client may have sent its id more than once. */
export const requestStory = (requestId: string, rows: ReadonlyArray<ErrorRow>): string => {
  const chapters = new Map<string, Array<ErrorRow>>()
  for (const row of rows) {
    const name = row.stream_id ?? row.id
    const chapter = chapters.get(name) ?? []
    chapters.set(name, chapter)
    chapter.push(row)
  }
  const day = new Date(rows[0]?.at ?? 0).toISOString().slice(0, 10)
  const head = `request ${requestId}, ${day} (times are UTC)`
  return [head, ...[...chapters.values()].map((own) => chapter(own).join("\n"))].join("\n\n")
}
