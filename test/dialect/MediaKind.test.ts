import { describe, expect, it } from "vitest"
import { kindOfMedia } from "#src/dialect/MediaKind"
import { type UpstreamDialectName, upstreamDialects } from "#src/dialect/index"
import { Result } from "effect"
import { parse, user } from "./openai/kit.ts"

const png = "iVBORw0KGgo="
const jpeg = "/9j/4AAQSkZJRg=="

describe("kindOfMedia", () => {
  it.each([
    ["image/png", jpeg, "image/jpeg"],
    ["image/jpeg", png, "image/png"],
    ["image/jpg", "AAAA", "image/jpeg"],
    ["image/svg+xml", "PHN2Zz4=", "image/svg+xml"],
    ["application/octet-stream", png, "image/png"],
    ["application/octet-stream", "AAAA", "application/octet-stream"],
    [undefined, "JVBERi0xLjQ=", "application/pdf"],
    ["IMAGE/PNG; charset=x", "AAAA", "image/png"],
    ["audio/wav", "UklGRg==", "audio/wav"],
    ["text/plain", "iVBORw0KGgo=", "text/plain"],
    ["constructor", "AAAA", "constructor"],
    [undefined, "AAAA", ""]
  ])("%s of %s is %s", (said, base64, kind) => {
    expect(kindOfMedia(said, base64)).toBe(kind)
  })
})

const sent = (name: UpstreamDialectName, url: string): string => {
  const request = {
    ...parse({ messages: [user, { role: "user", content: [{ type: "image_url", image_url: { url } }] }] })
  }
  return Result.getOrThrow(
    upstreamDialects[name].encode({
      // As another dialect's client asks, over a channel of OpenAI's too.
      request: name === "openai" ? { ...request, dialect: "chat" } : request,
      model: "m",
      stream: true,
      continuation: undefined,
      params: {},
      refused: new Set(),
      drop: false
    })
  ).body
}

describe.each(["openai", "responses", "anthropic", "gemini"] as const)("an image for a channel of %s", (name) => {
  it.each([
    [`data:image/jpg;base64,${jpeg}`, "image/jpeg"],
    [`data:image/png;base64,${jpeg}`, "image/jpeg"],
    [`data:application/octet-stream;base64,${png}`, "image/png"],
    [`data:;base64,${png}`, "image/png"]
  ])("is called what it is: %s", (url, kind) => {
    const body = sent(name, url)
    expect(body).toContain(kind)
    expect(body).not.toMatch(/image\/jpg|octet-stream/)
  })
})
