/**
 * What the command line asks for. Pure: nothing is read and nothing is written here.
 */
import { Result } from "effect"
import { parseArgs } from "node:util"
import { nearest } from "../settings/index.ts"

/** One thing to do. */
export type Command =
  | { readonly _tag: "Relay"; readonly file: string }
  | { readonly _tag: "Init"; readonly file: string }
  | { readonly _tag: "Doctor"; readonly file: string; readonly requestId: string }
  /** `live`: its channels are asked, too. */
  | { readonly _tag: "Check"; readonly file: string; readonly live: boolean }
  | { readonly _tag: "Schema" }
  /** `config`: whose books; without one those of a relay that was told nothing of them. */
  | { readonly _tag: "BackUpBooks"; readonly file: string; readonly config: string | undefined }
  /** `from`: the variable that has the secret before; without one nothing was encrypted, or it was with this one. */
  | { readonly _tag: "RekeyBooks"; readonly config: string; readonly from: string | undefined }
  | { readonly _tag: "Help" }
  | { readonly _tag: "Version" }

/** The help text. */
export const usage = `Usage:
  effect-resilience init [FILE]           ask, and write a first configuration (relay.yaml)
  effect-resilience relay --config FILE   start the relay
  effect-resilience check FILE            check a configuration file; --live asks each channel for one token, too, and
                                          says what it can do, or what is wrong
  effect-resilience doctor REQUEST_ID --config FILE
                                          tell a request's story from the books
  effect-resilience schema                print the JSON Schema of the configuration file
  effect-resilience books backup FILE     copy the books into a new file, also while they are in use; --config CONFIG
                                          says whose (without it those in .relay/books.db)
  effect-resilience books rekey --config FILE [--from NAME]
                                          encrypt what is secret in the books with the server.secret of FILE; the
                                          environment variable NAME has the one before, if there was one. Stop the relay
                                          first
  effect-resilience --help | --version

FILE is YAML or JSON. \${NAME} in its strings comes from the environment; PORT overrides server.port.
Exit codes: 0 done, or stopped by a signal in time; 1 could not run, or had to be cut off; 2 usage or configuration.
`

const names = ["init", "relay", "check", "doctor", "schema", "books"]

/** Of these a configuration may be named. */
const withConfig: ReadonlyArray<string | undefined> = ["relay", "doctor", "books"]
const options = {
  config: { type: "string", multiple: true },
  from: { type: "string", multiple: true },
  live: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" }
} as const

const unknownOption = (name: string): string => {
  const bare = name.replace(/^-+/, "")
  const meant = nearest(bare, Object.keys(options))
  return `unknown option ${bare.length === 1 ? "-" : "--"}${bare}${meant === undefined ? "" : `, did you mean --${meant}?`}`
}

const unknownCommand = (name: string): Result.Result<never, string> => {
  const meant = nearest(name, names)
  return Result.fail(`unknown command ${name}${meant === undefined ? "" : `, did you mean ${meant}?`}`)
}

/** Reads the arguments after the program's name. The failure is one line that says what is wrong with them. */
export const parseCommand = (argv: ReadonlyArray<string>): Result.Result<Command, string> => {
  const { tokens, positionals } = parseArgs({
    args: [...argv],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true
  })
  const files: Array<string> = []
  const froms: Array<string> = []
  const asked = new Set<string>()
  for (const token of tokens) {
    if (token.kind !== "option") continue
    if (!Object.hasOwn(options, token.name)) return Result.fail(unknownOption(token.rawName))
    switch (token.name) {
      case "config":
        if (token.value === undefined || token.value === "") return Result.fail("--config needs a FILE")
        files.push(token.value)
        break
      case "from":
        if (token.value === undefined || token.value === "") return Result.fail("--from needs the NAME of a variable")
        froms.push(token.value)
        break
      default:
        if (token.value !== undefined) return Result.fail(`${token.rawName} takes no value`)
        asked.add(token.name)
    }
  }
  if (asked.has("help")) return Result.succeed({ _tag: "Help" })
  if (asked.has("version")) return Result.succeed({ _tag: "Version" })
  const live = asked.has("live")

  const [name, ...rest] = positionals
  const tooMany = (): Result.Result<never, string> => Result.fail(`${name}: unexpected argument ${rest.at(-1)}`)
  // Who has mistyped the command is told of that, and not where its options belong.
  if (name !== undefined && !names.includes(name)) return unknownCommand(name)
  if (!withConfig.includes(name) && files.length > 0) {
    return Result.fail("--config belongs to the commands relay, doctor and books")
  }
  if (live && name !== "check") return Result.fail("--live belongs to the command check")
  if (froms.length > 0 && (name !== "books" || rest[0] !== "rekey")) {
    return Result.fail("--from belongs to the command books rekey")
  }
  if (froms.length > 1) return Result.fail(`${name}: --from was given twice`)
  if (files.length > 1) return Result.fail(`${name}: --config was given twice`)
  switch (name) {
    case undefined:
      return Result.fail("a command is needed")
    case "relay": {
      const [file] = files
      if (rest.length > 0) return tooMany()
      return file === undefined
        ? Result.fail("relay: --config FILE is needed")
        : Result.succeed({ _tag: "Relay", file })
    }
    case "init": {
      const [file = "relay.yaml"] = rest
      if (rest.length > 1) return tooMany()
      return file === "" ? Result.fail("init: FILE is empty") : Result.succeed({ _tag: "Init", file })
    }
    case "check": {
      const [file] = rest
      if (rest.length > 1) return tooMany()
      return file === undefined || file === ""
        ? Result.fail("check: FILE is needed")
        : Result.succeed({ _tag: "Check", file, live })
    }
    case "books": {
      const [what, file, ...others] = rest
      if (what === "rekey") {
        const [config] = files
        if (file !== undefined) return tooMany()
        return config === undefined
          ? Result.fail("books rekey: --config FILE is needed")
          : Result.succeed({ _tag: "RekeyBooks", config, from: froms[0] })
      }
      if (what !== "backup") {
        return Result.fail(
          what === undefined ? "books: backup and rekey are what it can do" : `books: unknown command ${what}`
        )
      }
      if (file === undefined || file === "") return Result.fail("books backup: FILE is needed")
      return others.length > 0 ? tooMany() : Result.succeed({ _tag: "BackUpBooks", file, config: files[0] })
    }
    case "doctor": {
      const [requestId] = rest
      const [file] = files
      if (rest.length > 1) return tooMany()
      if (requestId === undefined || requestId === "") return Result.fail("doctor: REQUEST_ID is needed")
      if (file === undefined) return Result.fail("doctor: --config FILE is needed")
      return Result.succeed({ _tag: "Doctor", file, requestId })
    }
    case "schema":
      return rest.length > 0 ? tooMany() : Result.succeed({ _tag: "Schema" })
    default:
      return unknownCommand(name)
  }
}
