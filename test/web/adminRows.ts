/**
 * 100,000 rows of an error log, each made from its number: so many need no memory, and every test sees the same.
 */

/** How many there are. */
export const rowCount = 100_000

type Row = { readonly id: string; readonly [name: string]: unknown }

const codes = [
  ["upstream_error", 502, 503, "upstream", "The service is overloaded, please try again"],
  ["channel:ttfb_timeout", 504, null, "timeout", "no content within 30 seconds"],
  ["rate_limited", 429, 429, "rate", "Rate limit reached for gpt-5 in organization ********: limit 500, used 500"],
  ["channel:invalid_key", 502, 401, "credential", "Incorrect API key provided: ********"],
  ["model_not_found", 404, null, "caller", "no channel serves gpt-9"],
  ["stream_truncated", 502, 200, "upstream", "the stream ended without its end"],
  ["context_length_exceeded", 400, 400, "caller", "This model's maximum context length is 400000 tokens"]
] as const

const channels = ["azure-eu", "openai-main", "azure-eu", "anthropic", "azure-eu"] as const
const models = ["gpt-5", "gpt-5", "gpt-5-mini", "claude-opus-4-5"] as const
const tokens = ["checkout", "support-bot", "research"] as const

const of = <A>(list: ReadonlyArray<A>, at: number): A => list[at % list.length]!

/** How long ago one was: they came thick of late, and seldom before. */
const age = (index: number): number => 9000 + Math.min(index, 150) * 5000 + Math.max(0, index - 150) * 24_000

/** The newest is row 0. Every third is a request. */
export const errorRow = (index: number, now: number): Row => {
  const [code, status, upstreamStatus, kindOf, message] = of(codes, Math.floor(index / 3) * 5 + (index % 2))
  const isRequest = index % 3 === 0
  const request = Math.floor(index / 3)
  return {
    id: `e_${rowCount - index}`,
    at: now - age(index),
    kind: isRequest ? "request" : "attempt",
    request_id: `req_${String(rowCount - request).padStart(24, "0")}`,
    stream_id: `st_${(rowCount - request).toString(36)}`,
    token: of(tokens, request),
    group: "default",
    model: of(models, request),
    channel: of(channels, isRequest ? index + 1 : index),
    channel_model: isRequest ? null : of(models, request),
    key: isRequest ? null : index % 2,
    attempt: isRequest ? 2 : 3 - (index % 3),
    stream: true,
    class: kindOf,
    code,
    error_type: upstreamStatus === null ? "relay_error" : "openai_error",
    status_code: status,
    upstream_status: upstreamStatus,
    upstream_code: upstreamStatus === null ? null : code,
    upstream_request_id: upstreamStatus === null ? null : `chatcmpl-${request.toString(36)}`,
    message,
    retry_after_ms: status === 429 ? 2000 : null,
    first_content_ms: null,
    duration_ms: 300 + ((index * 131) % 4000),
    input_tokens: 812,
    output_tokens: 0,
    credits: 0
  }
}

const fits = (row: Row, query: URLSearchParams): boolean => {
  for (const name of ["channel", "model", "token", "code", "class", "request_id", "stream_id", "kind"]) {
    const wanted = query.get(name)
    if (wanted !== null && row[name] !== wanted) return false
  }
  const status = query.get("status")
  if (status !== null && String(row["status_code"]) !== status) return false
  const from = query.get("from")
  if (from !== null && Number(row["at"]) < Date.parse(from)) return false
  const q = query.get("q")
  return q === null || String(row["message"]).toLowerCase().includes(q.toLowerCase())
}

/** A page of them, as a relay gives it. */
export const errorRows = (
  query: URLSearchParams,
  now: number
): { readonly data: ReadonlyArray<Row>; readonly next: string | null } => {
  const limit = Number(query.get("limit") ?? 100)
  const data: Array<Row> = []
  let index = Number(query.get("cursor") ?? 0)
  for (; index < rowCount && data.length < limit; index++) {
    const row = errorRow(index, now)
    if (fits(row, query)) data.push(row)
  }
  return { data, next: index < rowCount ? String(index) : null }
}

/** All rows of a request, oldest first: two attempts and the request, whose trail knows a third that went well. */
export const trailOf = (id: string, now: number): ReadonlyArray<Row> => {
  const number = rowCount - Number(/^req_0*(\d+)$/.exec(id)?.[1] ?? -1)
  if (!Number.isInteger(number) || number < 0 || number * 3 + 2 >= rowCount) return []
  const end = now - age(number * 3)
  const attempts = [2, 1].map((offset, index) => ({
    ...errorRow(number * 3 + offset, now),
    attempt: index + 1,
    at: end - (index === 0 ? 2400 : 900),
    duration_ms: index === 0 ? 900 : 1400,
    first_content_ms: index === 0 ? null : 610
  }))
  return [
    ...attempts,
    {
      ...errorRow(number * 3, now),
      at: end,
      duration_ms: 3300,
      trail: attempts.map((row) => {
        const all: Row = row
        return {
          attempt: all["attempt"],
          channel: all["channel"],
          key: all["key"],
          class: all["class"],
          code: all["code"],
          duration_ms: all["duration_ms"]
        }
      })
    }
  ]
}
