/**
 * The envelopes of errors: what every refused request is looked at for.
 */
import { assert } from "@effect/vitest"
import { type RawRequest, read } from "../support/sse.ts"

/** A key of an upstream: it must be nowhere but there. */
export const secret = "sk-hunter2hunter2"

/** No stack, no key, no host of an upstream. */
export const notLeaking = (text: string, upstreamPort: number): void => {
  assert.notMatch(text, /\n\s+at |\.ts:\d+|node:internal|hunter2/)
  assert.notInclude(text, String(upstreamPort))
}

/** A request that is refused, and how. */
export interface Faulty {
  readonly path: string
  readonly status: number
  /** Our own code. */
  readonly reason: string
  readonly request?: RawRequest
  readonly message?: RegExp
  /** The fields that are named. */
  readonly fields?: ReadonlyArray<string>
}

const coarse: { readonly [status: number]: string } = {
  400: "VALIDATION_ERROR",
  401: "UNAUTHORIZED",
  403: "FORBIDDEN",
  404: "NOT_FOUND",
  405: "METHOD_NOT_ALLOWED",
  413: "PAYLOAD_TOO_LARGE",
  415: "UNSUPPORTED_MEDIA_TYPE",
  431: "HEADERS_TOO_LARGE"
}

/** Asks, and checks the envelope that the route speaks. */
export const refused = async (
  base: string,
  upstreamPort: number,
  { fields, message, path, reason, request, status }: Faulty
): Promise<void> => {
  const response = await read(`${base}${path}`, request)
  const label = `${request?.method ?? ""} ${path} ${String(JSON.stringify(request?.body)).slice(0, 80)}`
  assert.strictEqual(response.status, status, `${label}: ${response.text.slice(0, 300)}`)
  notLeaking(response.text, upstreamPort)
  notLeaking(JSON.stringify(response.headers), upstreamPort)
  assert.match(String(response.headers["x-request-id"]), /^[A-Za-z0-9._:-]{1,128}$/)
  assert.match(String(response.headers["content-type"]), /^application\/json/)
  const { error } = JSON.parse(response.text) as { readonly error: { readonly [field: string]: unknown } }
  if (path === "/v1" || path.startsWith("/v1/")) {
    assert.hasAllKeys(error, ["message", "type", "param", "code"])
    assert.strictEqual(error["code"], reason, label)
    assert.strictEqual(response.headers["x-should-retry"], "false")
    assert.include(String(error["message"]), `(request id: ${String(response.headers["x-request-id"])})`)
    if (fields !== undefined) assert.strictEqual(error["param"], fields[0], label)
  } else {
    assert.deepInclude(error, {
      code: coarse[status],
      reason,
      statusCode: status,
      requestId: response.headers["x-request-id"],
      path: path.split("?")[0],
      method: request?.method ?? (request?.body === undefined ? "GET" : "POST")
    })
    assert.strictEqual(new Date(String(error["timestamp"])).toISOString(), error["timestamp"])
    if (fields !== undefined) {
      const details = error["details"] as ReadonlyArray<{ readonly field: string }>
      assert.deepEqual(
        details.map(({ field }) => field),
        fields
      )
    }
  }
  if (message !== undefined) assert.match(String(error["message"]), message)
}
