/**
 * What the admin page decides, without a browser: what is wrong, what a request's story is, which page of a list to read,
 * what a form says.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { amountOf, exactOf, plain, spokenOf, unitOf } from "../../web/src/admin/Credits.ts"
import { differences } from "../../web/src/admin/audit/differences.ts"
import {
  changed as changedChannel,
  created as createdChannel,
  emptyForm as emptyChannel,
  formOf as channelForm,
  isChangeable
} from "../../web/src/admin/channels/form.ts"
import { filtersOf } from "../../web/src/admin/errors/filters.ts"
import { ago, brief, percent, span, took } from "../../web/src/admin/Format.ts"
import { takenBack } from "../../web/src/admin/ledger/balance.ts"
import { channelRows } from "../../web/src/admin/now/rows.ts"
import { failuresOf } from "../../web/src/admin/now/failures.ts"
import { issuesOf } from "../../web/src/admin/now/issues.ts"
import { targetsOf } from "../../web/src/admin/targets.ts"
import { fresh, known, missing, type Pages, rowAt, withPage } from "../../web/src/admin/part/pages.ts"
import { looked } from "../../web/src/admin/part/useLoad.ts"
import { hashOf, placeOf } from "../../web/src/admin/Place.ts"
import { storyOf } from "../../web/src/admin/request/story.ts"
import { changesOf, valueOfTyped } from "../../web/src/admin/settings/edit.ts"
import { channelOf } from "../../web/src/admin/channels/Channel.ts"
import { errorRowOf } from "../../web/src/admin/errors/ErrorRow.ts"
import { quotaOf } from "../../web/src/admin/ledger/Quota.ts"
import { settingOf } from "../../web/src/admin/settings/Setting.ts"
import { tokenOf } from "../../web/src/admin/tokens/Token.ts"
import { summaryOf } from "../../web/src/admin/Summary.ts"
import { changed, created, emptyForm, formOf } from "../../web/src/admin/tokens/form.ts"

const known0 = { channels: [], health: { ready: true }, quotas: [], drift: 0 }

describe("what is wrong", () => {
  it("is nothing where all is well, and the worst first where it is not", () => {
    assert.deepEqual(issuesOf(known0), [])
    const issues = issuesOf({
      channels: [
        channelOf({ id: "off", state: "disabled", reason: "by_hand", keys: [{ index: 0, state: "disabled" }] }),
        channelOf({
          id: "a",
          state: "enabled",
          keys: [
            { index: 0, state: "cooling" },
            { index: 1, state: "disabled", reason: "invalid_api_key" }
          ]
        }),
        channelOf({ id: "b", state: "open" }),
        channelOf({ id: "c", state: "cooling", keys: [{ index: 0, state: "cooling" }] })
      ],
      health: { ready: true, degraded: ["books"] },
      quotas: [quotaOf("poor")({ balance: 0 }), quotaOf("free")({ balance: null })],
      drift: 3
    })
    assert.deepEqual(
      issues.map(({ level, title }) => `${level} ${title}`),
      [
        "bad The books are away",
        "bad The ledger does not add up",
        "bad a: key 1 is disabled",
        "bad b: circuit open",
        "bad poor has spent its quota",
        "warn a: key 0 is cooling",
        "warn c: key 0 is cooling",
        "note off is off"
      ]
    )
  })

  it("counts a failure that another channel rescued as the failing channel's", () => {
    const rows = [1, 2, 3].map((at) => errorRowOf({ id: `${at}`, at: at * 100, channel: "bad", kind: "attempt" }))
    const failures = failuresOf(rows, 0, 300)
    assert.deepInclude(failures.get("bad"), { count: 3 })
    assert.strictEqual(
      failures.get("bad")?.series.reduce((sum, one) => sum + one, 0),
      3
    )
    const summary = summaryOf({ byChannel: [{ channel: "good", requests: 7, success: 7, failed: 0 }] })
    assert.deepEqual(
      channelRows(summary.byChannel, failures, true).map(({ failed, name, rate }) => [name, failed, rate]),
      [
        ["good", 0, 0],
        ["bad", 3, 1]
      ]
    )
    // Where not all were read no rate is claimed.
    assert.isUndefined(channelRows([], failures, false)[0]?.rate)
  })
})

describe("a request's story", () => {
  it("has all attempts of the trail in their order, and of each row what it tells", () => {
    const story = storyOf(
      [
        {
          id: "1",
          kind: "attempt",
          attempt: 1,
          at: 1500,
          duration_ms: 500,
          channel: "a",
          class: "timeout",
          code: "slow"
        },
        {
          id: "2",
          kind: "request",
          attempt: 2,
          at: 3000,
          duration_ms: 2000,
          class: null,
          code: null,
          trail: [
            { attempt: 0, channel: "mute", class: "rejected", code: "no_words", duration_ms: 0 },
            { attempt: 1, channel: "a", class: "timeout", code: "slow", duration_ms: 500 },
            { attempt: 2, channel: "b", class: null, code: null, continuation: "prefill", duration_ms: 1400 }
          ]
        }
      ].map(errorRowOf)
    )
    assert.deepEqual(
      story.steps.map(({ channel, continuation, end, from, to }) => [channel, end, from, to, continuation]),
      [
        ["mute", "passed over", 0, 0, undefined],
        ["a", "failed", 0, 500, undefined],
        ["b", "whole", 500, 1900, "prefill"]
      ]
    )
    assert.strictEqual(story.beganAt, 1000)
    assert.strictEqual(story.length, 2000)
  })

  it("is told from attempts alone while the request is under way, and of nothing without a fault", () => {
    assert.lengthOf(storyOf([errorRowOf({ id: "1", kind: "attempt", at: 10, duration_ms: 5, code: "x" })]).steps, 1)
    assert.deepEqual(storyOf([]).steps, [])
  })
})

describe("a long list", () => {
  /** Reads a list of so many rows as somebody scrolls through it, and says what was seen. */
  const scroll = (length: number, at: ReadonlyArray<number>): Pages<number> => {
    let list: Pages<number> = fresh
    const fill = (from: number, to: number): void => {
      for (
        let wanted = missing(list, from, to);
        wanted !== undefined;
        wanted = missing(list, from, Math.min(to, known(list)))
      ) {
        const start = Number(wanted.cursor ?? 0)
        const data = Array.from({ length: Math.min(200, length - start) }, (_, index) => start + index)
        list = withPage(list, wanted, { data, next: start + 200 < length ? String(start + 200) : undefined })
      }
    }
    for (const top of at) fill(Math.min(top, Math.max(0, known(list) - 1)), Math.min(top + 40, known(list)))
    return list
  }

  it("shows each row at its place, whatever was dropped and read again, and keeps few", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20_000 }),
        fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 40 }),
        (length, at) => {
          const list = scroll(length, [...at, 0])
          for (let index = 0; index < known(list); index++) {
            const row = rowAt(list, index)
            if (row !== undefined) assert.strictEqual(row, index)
          }
          if (length > 0) assert.strictEqual(rowAt(list, 0), 0)
          assert.isAtMost(list.pages.filter(({ rows }) => rows !== undefined).length, 12)
          assert.isAtMost(known(list), length)
        }
      )
    ))

  it("of nothing is empty, and at its end", () => {
    const list = scroll(0, [0])
    assert.deepInclude(list, { isFresh: false, next: undefined })
    assert.strictEqual(known(list), 0)
  })
})

describe("what is known of a part", () => {
  const refused = (status: number) => ({
    _tag: "Failed" as const,
    failure: {
      _tag: "Refused" as const,
      status,
      code: "x",
      message: "x",
      details: [],
      method: "GET",
      path: "/x",
      requestId: undefined
    }
  })
  it("stays when a later look fails, and is absent where there is no such part", () => {
    const loaded = looked({ _tag: "Loading" }, { _tag: "Ok", value: 1 }, 5)
    assert.deepInclude(looked(loaded, refused(500), 9), { _tag: "Loaded", value: 1, at: 5 })
    assert.deepEqual(looked(loaded, refused(404), 9), { _tag: "Absent" })
    assert.deepEqual(looked({ _tag: "Loading" }, refused(405), 9), { _tag: "Absent" })
    assert.deepInclude(looked({ _tag: "Loading" }, refused(503), 9), { _tag: "Failed" })
    assert.deepEqual(looked(loaded, { _tag: "Failed", failure: { _tag: "Aborted" } }, 9), loaded)
  })
})

describe("a place", () => {
  it("is the same when it is read back from its address", () =>
    fc.assert(
      fc.property(
        fc.string(),
        fc.dictionary(fc.stringMatching(/^[a-z_]{1,8}$/), fc.string({ minLength: 1 })),
        (id, query) => {
          const place = placeOf(hashOf("errors", id === "" ? undefined : id, query))
          assert.deepEqual(
            { ...place, query: { ...place.query } },
            { view: "errors", id: id === "" ? undefined : id, query: { ...query } }
          )
        }
      )
    ))

  it("that is none is what is wrong now", () => {
    for (const hash of ["", "#", "#/nowhere", "#/errors%zz"]) assert.strictEqual(placeOf(hash).view, "now")
  })

  it("is found by an id that somebody sent, or by a few letters", () => {
    const channels = [channelOf({ id: "azure-eu" })]
    assert.strictEqual(targetsOf("req_abc", channels)[0]?.hash, "#/request/req_abc")
    assert.strictEqual(targetsOf("azu", channels)[0]?.hash, "#/channels/azure-eu")
    assert.strictEqual(targetsOf("quota exceeded", channels)[0]?.hash, "#/errors?q=quota+exceeded")
  })

  it("filters from now back, and passes on only what the relay knows", () => {
    assert.deepEqual(filtersOf({ q: "x", last: "15m", row: "e_1", bogus: "1" }, 900_000), {
      q: "x",
      from: "1970-01-01T00:00:00.000Z"
    })
  })
})

describe("a token's form", () => {
  it("sends what was typed, and of a change only what differs; what is emptied is null", () => {
    assert.deepEqual(
      created({ ...emptyForm, name: " a ", requests: "60", addresses: "10.0.0.0/8 ::1", balance: "5" }),
      {
        name: "a",
        models: ["*"],
        group: "default",
        admin: false,
        viewer: false,
        rateLimit: { requests: 60, per: "1 minute" },
        addresses: ["10.0.0.0/8", "::1"],
        quota: { balance: 5 }
      }
    )
    const before = formOf(tokenOf({ name: "a", models: ["*"], concurrency: 3, viewer: true }))
    assert.deepEqual(changed(before, before), {})
    assert.deepEqual(changed(before, { ...before, concurrency: "", role: "admin" }), {
      admin: true,
      viewer: false,
      concurrency: null
    })
  })

  it("passes on what is no number, which the relay names by its field", () => {
    assert.deepInclude(created({ ...emptyForm, name: "a", concurrency: "many" }), { concurrency: "many" })
  })
})

describe("a setting", () => {
  it("that was a text stays one, and all else is what it looks like", () => {
    assert.strictEqual(valueOfTyped("401", "401"), "401")
    assert.strictEqual(valueOfTyped("401", 400), 401)
    assert.strictEqual(valueOfTyped("null", "x"), null)
    assert.deepEqual(valueOfTyped('["a"]', ["b"]), ["a"])
    assert.strictEqual(valueOfTyped("5 minutes", null), "5 minutes")
  })

  it("is changed only where it differs, and a secret not by a look at it", () => {
    const settings = [
      settingOf({ path: "a", value: 1, default: 1 }),
      settingOf({ path: "s", value: null, default: null, secret: true })
    ]
    assert.deepEqual(
      changesOf(
        settings,
        new Map([
          ["a", "1"],
          ["s", " "]
        ])
      ),
      []
    )
    assert.deepEqual(
      changesOf(
        settings,
        new Map([
          ["a", "2"],
          ["s", "https://x"]
        ])
      ),
      [
        { path: "a", before: 1, after: 2 },
        { path: "s", before: null, after: "https://x" }
      ]
    )
  })
})

describe("a change of a balance", () => {
  it("is taken back by its difference: what was spent meanwhile stays spent", () => {
    assert.deepEqual(takenBack({ add: 5 }, 10), { add: -5 })
    assert.deepEqual(takenBack({ set: 100 }, 10), { add: -90 })
    assert.deepEqual(takenBack({ set: 100 }, undefined), { set: null })
    assert.deepEqual(takenBack({ set: null }, 10), { set: 10 })
  })
})

describe("figures", () => {
  it("are not rounded to all or nothing, and say how long in two units", () => {
    assert.deepEqual(
      [percent(0.99997), percent(1), percent(0), percent(0.00001), percent(0.5)],
      [">99.99%", "100%", "0%", "<0.01%", "50.0%"]
    )
    assert.deepEqual(
      [took(480), took(2400), took(200_000), span(90_000_000)],
      ["480 ms", "2.4 s", "3 min 20 s", "1 d 1 h"]
    )
    assert.deepEqual(
      [ago(0, 90_000), ago(90_000, 0), ago(1, 0), ago(0, 1)],
      ["1 min ago", "in 1 min", "now", "just now"]
    )
    assert.deepEqual([brief(9999), brief(12_400), brief(undefined)], ["9,999", "12.4K", "–"])
  })

  it("of a relay that says less are unknown, and nothing breaks", () =>
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        for (const of of [summaryOf, errorRowOf, channelOf, tokenOf, quotaOf("a"), settingOf]) of(body)
        summaryOf({ byChannel: body, series: body })
        issuesOf({
          ...known0,
          health: body,
          channels: [channelOf({ keys: [body], ...(body === null ? {} : { state: body }) })]
        })
      })
    ))
})

describe("what differs", () => {
  it("is told field by field, and of plain values as a whole", () => {
    assert.deepEqual(differences({ a: 1, b: { c: 2 } }, { a: 1, b: { c: 3 }, d: 4 }), [
      { path: "b.c", before: 2, after: 3 },
      { path: "d", before: undefined, after: 4 }
    ])
    assert.deepEqual(differences(null, "x"), [{ path: "value", before: null, after: "x" }])
    assert.deepEqual(differences({ a: [1] }, { a: [1] }), [])
  })
})

describe("credits", () => {
  const unit = unitOf([settingOf({ path: "quota.unit", value: { name: "USD", credits: 1_000_000 } })])

  it("are shown as what quota.unit calls them, and as themselves without it", () => {
    assert.deepEqual(unit, { name: "USD", credits: 1_000_000 })
    for (const value of [null, {}, { name: "USD" }, { name: "", credits: 5 }, { name: "X", credits: 0 }, "USD"]) {
      assert.strictEqual(unitOf([settingOf({ path: "quota.unit", value })]), plain)
    }
    assert.strictEqual(unitOf([]), plain)
    assert.deepEqual(
      unitOf([
        settingOf({ path: "quota.unit.name", value: "EUR" }),
        settingOf({ path: "quota.unit.credits", value: 1000 })
      ]),
      { name: "EUR", credits: 1000 }
    )
  })

  it.each([
    [undefined, "–"],
    [0, "0"],
    [8_412_000, "8.41"],
    [-8_412_000, "-8.41"],
    [1_000_000, "1.00"],
    [4215, "0.0042"],
    [1, "0.000001"],
    [1_234_500_000, "1,234.50"],
    [52_300_000_000, "52.3K"]
  ])("%s of a million to one are %s", (credits, amount) => {
    assert.strictEqual(amountOf(credits, unit), amount)
  })

  it("are themselves for who points at them, and have the name where they stand alone", () => {
    assert.strictEqual(exactOf(8_412_000), "8,412,000 credits")
    assert.strictEqual(exactOf(1), "1 credit")
    assert.strictEqual(spokenOf(8_412_000, unit), "8.41 USD")
    assert.strictEqual(amountOf(8_412_000, plain), "8.4M")
  })
})

describe("a channel", () => {
  const file = channelOf({ id: "a", source: "file", models: ["m", "n-*"], priority: 2, weight: 1, enabled: true })

  it("that is typed says its fields as the file has them, and its keys only once it is sent", () => {
    const form = { ...emptyChannel, id: " c ", baseUrl: "https://x/v1", models: "m, n-*", priority: "high" }
    assert.deepEqual(createdChannel(form, "one\n two,three\n"), {
      id: "c",
      dialect: "openai",
      baseUrl: "https://x/v1",
      keys: ["one", "two", "three"],
      models: ["m", "n-*"],
      group: "default",
      // The relay says what is wrong with it.
      priority: "high",
      weight: 1,
      enabled: true
    })
    assert.notProperty(emptyChannel, "keys")
  })

  it("is changed only where it differs, and one of the file only where it may be overridden", () => {
    const before = channelForm(file)
    assert.deepEqual(changedChannel(before, before), {})
    assert.deepEqual(changedChannel(before, { ...before, models: "m", priority: "5", enabled: false }), {
      models: ["m"],
      priority: 5,
      enabled: false
    })
    const fields = ["dialect", "baseUrl", "models", "group", "priority", "weight", "enabled"]
    assert.deepEqual(
      fields.filter((field) => isChangeable(field, "file")),
      ["models", "priority", "weight", "enabled"]
    )
    assert.deepEqual(
      fields.filter((field) => isChangeable(field, "admin")),
      fields
    )
  })
})
