import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { parseCommand } from "../../src/cli/Command.ts"

describe("the command line", () => {
  it.each([
    [["relay", "--config", "a.yaml"], { _tag: "Relay", file: "a.yaml" }],
    [["--config=a.yaml", "relay"], { _tag: "Relay", file: "a.yaml" }],
    [["check", "a.yaml"], { _tag: "Check", file: "a.yaml", live: false }],
    [["check", "--live", "a.yaml"], { _tag: "Check", file: "a.yaml", live: true }],
    [["check", "--", "-a"], { _tag: "Check", file: "-a", live: false }],
    [["doctor", "req_1", "--config", "a.yaml"], { _tag: "Doctor", file: "a.yaml", requestId: "req_1" }],
    [["schema"], { _tag: "Schema" }],
    [["books", "backup", "b.db"], { _tag: "BackUpBooks", file: "b.db", config: undefined }],
    [["books", "rekey", "--config", "a"], { _tag: "RekeyBooks", config: "a", from: undefined }],
    [["books", "rekey", "--config", "a", "--from", "OLD"], { _tag: "RekeyBooks", config: "a", from: "OLD" }],
    [["books", "backup", "b.db", "--config", "a"], { _tag: "BackUpBooks", file: "b.db", config: "a" }],
    [["--help"], { _tag: "Help" }],
    [["relay", "-h"], { _tag: "Help" }],
    [["--version"], { _tag: "Version" }]
  ])("%j is understood", (args, command) => {
    assert.deepStrictEqual(Result.getOrThrow(parseCommand(args)), command as never)
  })

  it.each([
    [[], "a command is needed"],
    [["relay"], "relay: --config FILE is needed"],
    [["relay", "--config"], "--config needs a FILE"],
    [["relay", "--config", "a", "--config", "b"], "relay: --config was given twice"],
    [["relay", "file.yaml"], "relay: unexpected argument file.yaml"],
    [["check"], "check: FILE is needed"],
    [["check", "a", "b"], "check: unexpected argument b"],
    [["check", "--config", "a"], "--config belongs to the commands relay, doctor and books"],
    [["relay", "--config", "a", "--live"], "--live belongs to the command check"],
    [["check", "--live"], "check: FILE is needed"],
    [["books"], "books: backup and rekey are what it can do"],
    [["books", "rekey"], "books rekey: --config FILE is needed"],
    [["books", "rekey", "x", "--config", "a"], "books: unexpected argument x"],
    [["books", "rekey", "--config", "a", "--from"], "--from needs the NAME of a variable"],
    [["books", "rekey", "--config", "a", "--from", "A", "--from", "B"], "books: --from was given twice"],
    [["books", "backup", "b.db", "--from", "A"], "--from belongs to the command books rekey"],
    [["books", "copy", "b.db"], "books: unknown command copy"],
    [["books", "backup"], "books backup: FILE is needed"],
    [["books", "backup", "a", "b"], "books: unexpected argument b"],
    [["doctor", "--config", "a"], "doctor: REQUEST_ID is needed"],
    [["doctor", "req_1"], "doctor: --config FILE is needed"],
    [["doctor", "a", "b", "--config", "a"], "doctor: unexpected argument b"],
    [["schema", "x"], "schema: unexpected argument x"],
    [["relya"], "unknown command relya, did you mean relay?"],
    [["relya", "--config", "x"], "unknown command relya, did you mean relay?"],
    [["chek", "x", "--live"], "unknown command chek, did you mean check?"],
    [["relay", "--confg", "x"], "unknown option --confg, did you mean --config?"],
    [["--version=1"], "--version takes no value"]
  ])("%j is refused", (args, message) => {
    assert.strictEqual(Result.getOrThrow(Result.flip(parseCommand(args))), message)
  })
})
