/**
 * The walls: what is added, and who must complain. A new one is one record.
 */
import type { Wall } from "./Wall.ts"

const setting = 'walls: Fields.withDefault(Fields.flag, false, "Walls."),\n'

// Complains where the option's type has the setting, and not where it has forgotten it.
const forgets = (options: string): string =>
  `export const of${options} = (options: Omit<${options}, "walls">): ${options} => options`

export const walls: ReadonlyArray<Wall> = [
  // ------------------------------------------------------------------------------------------------------ policies
  {
    name: "policy part",
    edits: [
      {
        file: "src/policy/pipeline/PolicyParts.ts",
        find: "export interface Parts {\n",
        put: "export interface Parts {\n  readonly walls: Row<Limit, Limit, never>\n"
      }
    ],
    complain: {
      // What it does, and where it stands.
      "src/policy/pipeline/PolicyParts.ts": 2,
      "src/policy/pipeline/PolicyConfig.ts": 1
    }
  },
  {
    name: "policy part: its place alone",
    edits: [
      {
        file: "src/policy/pipeline/PolicyParts.ts",
        find: "everyPartOnce([\n",
        put: 'everyPartOnce([\n  "walls",\n'
      }
    ],
    complain: { "src/policy/pipeline/PolicyParts.ts": 1 }
  },

  // ------------------------------------------------------------------------------------------------------ dialects
  {
    name: "client dialect's name",
    edits: [
      {
        file: "src/dialect/Names.ts",
        find: "export const clientDialectNames = [",
        put: 'export const clientDialectNames = ["walls", '
      }
    ],
    complain: { "src/dialect/Dialects.ts": 1 }
  },
  {
    name: "upstream dialect's name",
    edits: [
      {
        file: "src/dialect/Names.ts",
        find: "export const upstreamDialectNames = [",
        put: 'export const upstreamDialectNames = ["walls", '
      }
    ],
    complain: {
      "src/ai/VendorModelHttp.ts": 1,
      "src/dialect/Dialects.ts": 1,
      "src/dialect/Event.ts": 1,
      "src/testing/ScriptedCall.ts": 1
    }
  },
  {
    name: "dialect's row without its name",
    edits: [
      {
        file: "src/dialect/Dialects.ts",
        find: "export const upstreamDialects = {",
        put: "export const upstreamDialects = { walls: openai,"
      }
    ],
    complain: { "src/dialect/Dialects.ts": 1 }
  },
  {
    name: "another dialect's event, read",
    edits: [
      {
        file: "src/dialect/Names.ts",
        find: "export const upstreamDialectNames = [",
        put: 'export const upstreamDialectNames = ["walls", '
      },
      {
        file: "src/dialect/Event.ts",
        find: "export interface NativeEvents {\n",
        put: "export interface NativeEvents {\n  walls: { readonly bricks: number }\n"
      },
      {
        file: "src/dialect/Walls.ts",
        create: [
          'import type { Delta } from "./Event.ts"',
          'export const own = (delta: Delta): number => (delta.from === "walls" ? delta.raw.bricks : 0)',
          'export const others = (delta: Delta): unknown => (delta.from === "openai" ? delta.raw.bricks.length : 0)',
          'export const theirs = (delta: Delta): unknown => (delta.from === "walls" ? delta.raw.choices : 0)',
          "export const made = (delta: Delta): unknown => (delta.from === undefined ? delta.raw.bricks : 0)",
          "export const unasked = (delta: Delta): unknown => delta.raw.bricks",
          ""
        ].join("\n")
      }
    ],
    complain: { "src/dialect/Walls.ts": 4 }
  },
  {
    name: "way of going on",
    edits: [
      {
        file: "src/dialect/Continuation.ts",
        find: "export const continuationModes = [",
        put: 'export const continuationModes = ["walls", '
      }
    ],
    complain: { "src/relay/AttemptRunner.ts": 1, "src/relay/Decision.ts": 1 }
  },
  {
    name: "reason to finish",
    edits: [
      {
        file: "src/dialect/Event.ts",
        find: "export const finishReasons = [",
        put: 'export const finishReasons = ["walls", '
      }
    ],
    complain: {
      "src/dialect/anthropic/StopReason.ts": 1,
      "src/dialect/chat/Client.ts": 1,
      "src/dialect/openai/Finish.ts": 1,
      "src/dialect/responses/Status.ts": 1
    }
  },
  {
    name: "event of an upstream",
    edits: [
      {
        file: "src/dialect/Event.ts",
        find: "export type UpstreamEvent =\n",
        put: 'export type UpstreamEvent =\n  | { readonly _tag: "Walls" }\n'
      }
    ],
    complain: {
      "src/ai/AnswerHttp.ts": 1,
      "src/dialect/anthropic/Decode.ts": 1,
      "src/dialect/responses/Decode.ts": 1,
      "src/relay/Machine.ts": 1
    }
  },
  {
    name: "piece of an answer",
    edits: [
      {
        file: "src/dialect/Event.ts",
        find: "export type Piece =\n",
        put: 'export type Piece =\n  | { readonly _tag: "Walls" }\n'
      }
    ],
    complain: {
      "src/ai/Said.ts": 1,
      "src/dialect/Event.ts": 1,
      "src/dialect/openai/Foreign.ts": 1,
      "src/testing/Wire.ts": 1
    }
  },

  // ------------------------------------------------------------------------------------------------------- journal
  {
    name: "store's operation",
    edits: [
      {
        file: "src/journal/JournalStore.ts",
        find: "    readonly usable: () => boolean\n",
        put: "    readonly usable: () => boolean\n    readonly walls: () => void\n"
      }
    ],
    complain: { "src/journal/JournalStoreMemory.ts": 1, "src/journal/JournalStoreSqliteNode.ts": 1 }
  },
  {
    name: "store: part of a share",
    edits: [
      {
        file: "src/journal/Share.ts",
        find: "export interface Parts {\n",
        put: "export interface Parts {\n  readonly walls: string\n"
      }
    ],
    complain: {
      "src/journal/GroupCommit.ts": 1,
      "src/journal/SqliteLiveNode.ts": 1,
      "src/journal/MemoryPlace.ts": 1,
      "src/journal/Share.ts": 1
    }
  },
  {
    name: "store: fate of a share",
    edits: [
      {
        file: "src/journal/Share.ts",
        find: "export type Fate =\n",
        put: 'export type Fate =\n  | { readonly _tag: "Walls" }\n'
      }
    ],
    complain: { "src/journal/Journal.ts": 1 }
  },
  {
    name: "store: reply to a claim",
    edits: [
      {
        file: "src/journal/JournalStore.ts",
        find: "export type ClaimReply =\n",
        put: 'export type ClaimReply =\n  | { readonly _tag: "Walls" }\n'
      }
    ],
    complain: { "src/journal/Journal.ts": 1 }
  },
  {
    name: "store: reply to a beginning",
    edits: [
      {
        file: "src/journal/JournalStore.ts",
        find: "export type Beginning =\n",
        put: 'export type Beginning =\n  | { readonly _tag: "Walls" }\n'
      }
    ],
    complain: { "src/journal/Journal.ts": 1 }
  },

  // -------------------------------------------------------------------------------------------------------- server
  {
    name: "route without access, envelope or words",
    edits: [
      {
        file: "src/server/routes/Walls.ts",
        create: [
          'import type { Route } from "../Route.ts"',
          "export const whole = ({ ...row }: Route): Route => row",
          "export const open = ({ access: _, ...row }: Route): Route => row",
          "export const mute = ({ envelope: _, ...row }: Route): Route => row",
          "export const hidden = ({ shows: _, ...row }: Route): Route => row",
          ""
        ].join("\n")
      }
    ],
    complain: { "src/server/routes/Walls.ts": 3 }
  },

  // -------------------------------------------------------------------------------------------------------- errors
  {
    name: "error code",
    edits: [
      {
        file: "src/errors/Catalogue.ts",
        find: '  internal_error: row("defect"',
        put: '  walls_went_up: row("defect", 500, "Walls."),\n  internal_error: row("defect"'
      }
    ],
    complain: { "src/errors/ResilienceError.ts": 1, "test/errors/Catalogue.test.ts": 1 }
  },
  {
    name: "error without its code",
    edits: [
      {
        file: "src/errors/DefectErrors.ts",
        find: 'fault("internal_error")',
        put: 'fault("walls_went_up")'
      }
    ],
    complain: { "src/errors/DefectErrors.ts": 1 }
  },
  {
    name: "blame",
    edits: [
      { file: "src/errors/Blame.ts", find: "export const blames = [\n", put: 'export const blames = [\n  "walls",\n' }
    ],
    complain: {
      "src/ai/AiErrors.ts": 1,
      "src/ai/Failover.ts": 1,
      "src/channel/HealthVerdict.ts": 1,
      "src/errors/Blame.ts": 3,
      "src/errors/ForeignErrors.ts": 1,
      "src/http/PublicMessage.ts": 1,
      "src/policy/Failures.ts": 2,
      "src/relay/Decision.ts": 1,
      "test/policy/Failures.test.ts": 2,
      "test/relay/Decision.test.ts": 2
    }
  },

  // --------------------------------------------------------------------------------------------------------- relay
  {
    name: "relay event",
    edits: [
      {
        file: "src/relay/Events.ts",
        find: "export type RelayEvent =\n",
        put: 'export type RelayEvent =\n  | { readonly _tag: "Walls" }\n'
      }
    ],
    complain: { "src/relay/LogSink.ts": 1, "src/relay/MetricsSink.ts": 1 }
  },

  {
    name: "phase of an answer",
    edits: [
      {
        file: "src/relay/Phase.ts",
        find: "export type Phase =\n",
        put: 'export type Phase =\n  | { readonly _tag: "Walls" }\n'
      }
    ],
    complain: { "src/relay/Machine.ts": 2 }
  },
  {
    name: "step of a pursuit",
    edits: [
      {
        file: "src/relay/Pursuit.ts",
        find: "export type Step =\n",
        put: 'export type Step =\n  | { readonly _tag: "Walls" }\n'
      }
    ],
    complain: { "src/relay/Attempts.ts": 1, "src/relay/Errand.ts": 1 }
  },

  // ------------------------------------------------------------------------------------------------------ settings
  {
    name: "setting that its option's type forgets",
    edits: [
      ...(
        [
          "channel/BreakerSection",
          "channel/TimeoutsSection",
          "relay/RecoverySection",
          "relay/RetrySection",
          "server/ChatSection",
          "server/ServerSection"
        ] as const
      ).map((section) => ({
        file: `src/${section}.ts`,
        find: "const schema = section({\n",
        put: `const schema = section({\n  ${setting}`
      })),
      {
        file: "src/channel/ChannelSection.ts",
        find: "      enabled: withDefault(",
        put: `      ${setting}      enabled: withDefault(`
      },
      {
        file: "src/journal/JournalSection.ts",
        find: "const schema = section({\n",
        put: `const schema = section({\n  ${setting}`
      },
      {
        file: "src/cli/Walls.ts",
        create: [
          'import type { BreakerOptions, Channel, Timeouts } from "../channel/index.ts"',
          'import type { JournalOptions } from "../journal/JournalSection.ts"',
          'import type { RecoveryOptions, RetryOptions } from "../relay/index.ts"',
          'import type { ChatOptions, ServerOptions } from "../server/index.ts"',
          ...["BreakerOptions", "Channel", "Timeouts", "JournalOptions", "RecoveryOptions", "RetryOptions"].map(
            forgets
          ),
          ...["ChatOptions", "ServerOptions"].map(forgets),
          ""
        ].join("\n")
      }
    ],
    complain: { "src/cli/Walls.ts": 8 }
  },
  {
    name: "setting: one more kind of store",
    edits: [
      {
        file: "src/journal/StoreSection.ts",
        find: 'choice(["sqlite", ',
        put: 'choice(["walls", "sqlite", '
      }
    ],
    complain: { "src/journal/StoreSection.ts": 1 }
  },
  {
    name: "setting that is gone",
    edits: [
      {
        file: "src/relay/RetrySection.ts",
        find: "  waitUpTo: withDefault(",
        put: "  walls: withDefault("
      }
    ],
    complain: { "src/relay/Attempts.ts": 1, "src/relay/Pursuit.ts": 1 }
  },
  {
    name: "setting: when it may change",
    edits: [
      {
        file: "src/settings/Section.ts",
        find: "export type Changes =\n",
        put: 'export type Changes =\n  | { readonly _tag: "Walls" }\n'
      }
    ],
    complain: { "src/settings/SettingsPath.ts": 1 }
  }
]
