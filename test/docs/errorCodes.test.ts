import { assert, describe, it } from "@effect/vitest"
import { codes, tagOf } from "effect-resilience/errors"
import { readFileSync } from "node:fs"
import { errorCodesPage, errorCodesPageFile } from "../../scripts/errorCodesPage.ts"

describe("docs/error-codes.md", () => {
  it("is what the catalogue says (npm run docs:errors)", () => {
    assert.strictEqual(readFileSync(errorCodesPageFile, "utf8"), errorCodesPage())
  })

  it("has each code once, under its class", () => {
    const rows = errorCodesPage()
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .map((line) => line.split("|").map((text) => text.trim()))
    assert.deepStrictEqual(
      rows.map(([, code, tag]) => `${code} ${tag}`).sort(),
      codes.map((code) => `\`${code}\` \`${tagOf(code)}\``).sort()
    )
  })
})
