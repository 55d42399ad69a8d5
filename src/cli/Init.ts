/**
 * A first configuration: what is asked for it, what an answer may be, and the file that comes of it. Pure.
 */
import { Result } from "effect"

/** Who answers, as far as a first configuration tells them apart. */
interface Vendor {
  /** What it is called when it is asked for; the first name is shown. */
  readonly names: readonly [string, ...ReadonlyArray<string>]
  readonly dialect: "openai" | "anthropic" | "gemini"
  readonly baseUrl: string
  readonly variable: string
  readonly models: ReadonlyArray<string>
}

const vendors = {
  openai: {
    names: ["openai"],
    dialect: "openai",
    baseUrl: "https://api.openai.com/v1",
    variable: "OPENAI_API_KEY",
    models: ["gpt-5", "gpt-5-mini"]
  },
  anthropic: {
    names: ["anthropic", "claude"],
    dialect: "anthropic",
    baseUrl: "https://api.anthropic.com/v1",
    variable: "ANTHROPIC_API_KEY",
    models: ["claude-sonnet-4-5", "claude-haiku-4-5"]
  },
  gemini: {
    names: ["gemini", "google"],
    dialect: "gemini",
    baseUrl: "https://generativelanguage.googleapis.com/v1beta",
    variable: "GEMINI_API_KEY",
    models: ["gemini-2.5-pro", "gemini-2.5-flash"]
  },
  other: {
    names: ["other", "openai-compatible", "compatible", "ollama"],
    dialect: "openai",
    baseUrl: "http://127.0.0.1:11434/v1",
    variable: "UPSTREAM_API_KEY",
    models: ["llama3.3"]
  }
} as const satisfies { readonly [name: string]: Vendor }

type VendorName = keyof typeof vendors
const vendorNames = Object.keys(vendors) as ReadonlyArray<VendorName>

/** What was answered. */
export interface Answers {
  readonly vendor: VendorName
  /** The variable of the environment that has the key. */
  readonly variable: string
  readonly models: ReadonlyArray<string>
  readonly store: "sqlite" | "memory"
  readonly baseUrl: string
}

/** What is asked next, with what is known so far; an empty answer is the one in brackets. */
export interface Question {
  readonly text: string
  /** Takes an answer; the failure says what is wrong with it, and never repeats it: it may be a key. */
  readonly answer: (line: string) => Result.Result<Interview, string>
}

/** A question to be asked, or all answers. */
export type Interview =
  | { readonly _tag: "Asks"; readonly question: Question }
  | { readonly _tag: "Done"; readonly answers: Answers }

const asks = <A>(
  text: string,
  fallback: string,
  read: (line: string) => Result.Result<A, string>,
  next: (value: A) => Interview
): Interview => ({
  _tag: "Asks",
  question: {
    text: `${text} [${fallback}]: `,
    answer: (line) => Result.map(read(line.trim() === "" ? fallback : line.trim()), next)
  }
})

const readVendor = (line: string): Result.Result<VendorName, string> => {
  const said = line.toLowerCase()
  const found = vendorNames.find(
    (name, at) => said === String(at + 1) || vendors[name].names.some((one) => one === said)
  )
  return found === undefined ? Result.fail(`one of ${vendorNames.join(", ")}`) : Result.succeed(found)
}

// Capitals only: no vendor's key looks so, and who pastes one here is told so before anything is written.
const readVariable = (line: string): Result.Result<string, string> =>
  /^[A-Z_][A-Z0-9_]{0,63}$/.test(line)
    ? Result.succeed(line)
    : Result.fail("the name of a variable, in capitals, digits and _; the key itself stays in the environment")

const readModels = (line: string): Result.Result<ReadonlyArray<string>, string> => {
  const models = [...new Set(line.split(/[\s,]+/).filter((model) => model !== ""))]
  return models.length > 0 && models.every((model) => /^[\w.:/@*-]{1,256}$/.test(model))
    ? Result.succeed(models)
    : Result.fail("names of models, with commas between them; * is any run of characters")
}

const readStore = (line: string): Result.Result<Answers["store"], string> => {
  const said = line.toLowerCase()
  return said === "sqlite" || said === "memory" ? Result.succeed(said) : Result.fail("sqlite or memory")
}

const readBaseUrl = (line: string): Result.Result<string, string> => {
  const url = URL.canParse(line) && !line.includes("$") ? new URL(line) : undefined
  return url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.username === "" &&
    url.search === "" &&
    url.hash === ""
    ? Result.succeed(line)
    : Result.fail("an http or https URL, without a user and a query")
}

const askStore = (known: Omit<Answers, "store">): Interview =>
  asks("Store: sqlite (answers survive a restart) or memory", "sqlite", readStore, (store) => {
    const answers = { ...known, store }
    const { baseUrl } = vendors.other
    return known.vendor === "other"
      ? asks("Base URL of the upstream", baseUrl, readBaseUrl, (url) => ({
          _tag: "Done",
          answers: { ...answers, baseUrl: url }
        }))
      : { _tag: "Done", answers }
  })

/** The first question. Their number and order are the same for whoever answers from a file: vendor, variable, models, store, and for `other` its URL. */
export const interview: Interview = asks(
  `Vendor: ${vendorNames.join(", ")} (what speaks as OpenAI does)`,
  "openai",
  readVendor,
  (vendor) => {
    const { baseUrl, models, variable } = vendors[vendor]
    return asks("Variable of the environment with the key (not the key)", variable, readVariable, (named) =>
      asks("Models, with commas", models.join(", "), readModels, (served) =>
        askStore({ vendor, variable: named, models: served, baseUrl })
      )
    )
  }
)

const list = (values: ReadonlyArray<string>): string => `[${values.map((value) => JSON.stringify(value)).join(", ")}]`

/** The file: what was answered, and the rest as comments that can be taken away. */
export const configurationOf = ({ baseUrl, models, store, variable, vendor }: Answers): string => {
  const { dialect } = vendors[vendor]
  const kept =
    store === "sqlite"
      ? "store:\n  type: sqlite # answers survive a restart\n  path: .relay/relay.db # one process at a time"
      : "store:\n  type: memory # answers are forgotten when the relay stops; sqlite keeps them"
  return `# A relay before ${vendor === "other" ? "an upstream that speaks as OpenAI does" : vendor}.
#
#   export ${variable}=…
#   effect-resilience check FILE
#   effect-resilience relay --config FILE
#
# What is left out has its default; "effect-resilience schema" prints every key with its default. \${NAME} comes from the
# environment and is never shown; a variable that is unset or empty is a fault. Durations are written "5 seconds".

server:
  host: 127.0.0.1 # another host needs tokens, below
  port: 8080 # PORT overrides it

${kept}

channels: # who answers: the highest priority first, then by weight
  - id: ${vendor === "other" ? "upstream" : vendor}
    dialect: ${dialect} # what it speaks; clients may speak any other
    baseUrl: ${baseUrl}
    keys: ["\${${variable}}"] # several share the load, and stand in for one another
    models: ${list(models)} # as clients name them; * is any run of characters
    priority: 10
    # modelMapping: { "fast": ${JSON.stringify(models[0]!.replaceAll("*", "") || "name")} } # a name of yours for one of its models

  # A second channel takes over where the first one fails, before an answer and in the middle of one:
  # - id: backup
  #   dialect: openai
  #   baseUrl: https://gateway.example.com/v1
  #   keys: ["\${BACKUP_KEY}"]
  #   models: ${list(models)}

# tokens: # who may ask; without them everybody on this machine
#   - { name: me, key: "\${MY_TOKEN}" }
#   - { name: operations, key: "\${OPS_TOKEN}", admin: true } # may read /metrics and /admin

# timeouts: # of each attempt, but for total
#   headers: 30 seconds
#   firstContent: 30 seconds # reasoning is content
#   idle: 60 seconds
#   total: 10 minutes # of the whole request, over all attempts

# rateLimit: { requests: 60, per: 1 minute } # of each token, or of each address where there are none
`
}
