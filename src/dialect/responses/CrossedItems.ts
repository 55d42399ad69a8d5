/**
 * A conversation that another dialect's client sent, as the input of a response.
 */
import { failedMark } from "../FailedResult.ts"
import type { JsonObject } from "../Json.ts"
import { kindOfMedia } from "../MediaKind.ts"
import { fitId, type Fitting } from "../OpenAINames.ts"
import type { Asked, Hint, Part, Turn } from "../Request.ts"
import { madeItemId } from "./Ids.ts"

type Of<T extends Part["_tag"]> = Extract<Part, { readonly _tag: T }>

const imageTypes: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"])

const takesImage = ({ mediaType, source }: Of<"Image">): boolean =>
  "url" in source ? /^https?:\/\//i.test(source.url) : imageTypes.has(kindOfMedia(mediaType, source.base64))

const takesFile = ({ base64, mediaType }: Of<"File">): boolean => {
  const kind = kindOfMedia(mediaType, base64)
  return kind === "" || kind === "application/pdf" || kind.startsWith("text/")
}

/** The paths of what cannot be said of a part, in a turn of a role. */
export const unsaidPart = (part: Part, role: Turn["role"]): ReadonlyArray<string> => {
  switch (part._tag) {
    case "Image":
      return role === "user" && takesImage(part) ? [] : [part.path]
    case "File":
      return role === "user" && takesFile(part) ? [] : [part.path]
    case "ToolResult":
      return part.parts.flatMap((inner) => unsaidPart(inner, "user"))
    case "Text":
    case "Reasoning":
    case "Refusal":
    case "ToolCall":
      return []
  }
}

const details: ReadonlySet<unknown> = new Set(["low", "high", "auto", "original"])

/** The path of the image that a hint is of. */
export const imageOfDetail = (path: string): string => path.replace(/(\.image_url)?\.detail$/, "")

/** The hints of images that are carried with them, by the paths of the images. */
export const imageDetails = (hints: ReadonlyArray<Hint>): ReadonlyMap<string, unknown> =>
  new Map(
    hints
      .filter(({ name, value }) => name === "imageDetail" && details.has(value))
      .map(({ path, value }) => [imageOfDetail(path), value] as const)
  )

const imageOf = ({ mediaType, path, source }: Of<"Image">, shown: ReadonlyMap<string, unknown>): JsonObject => ({
  type: "input_image",
  image_url: "url" in source ? source.url : `data:${kindOfMedia(mediaType, source.base64)};base64,${source.base64}`,
  detail: shown.get(path) ?? "auto"
})

const fileOf = ({ base64, mediaType, name }: Of<"File">): JsonObject => {
  const type = kindOfMedia(mediaType, base64) || "application/pdf"
  const own = type === "application/pdf" ? "file.pdf" : "file.txt"
  return { type: "input_file", filename: name ?? own, file_data: `data:${type};base64,${base64}` }
}

const contentPart = (part: Part, shown: ReadonlyMap<string, unknown>): JsonObject | undefined => {
  switch (part._tag) {
    case "Text":
      return { type: "input_text", text: part.text }
    case "Image":
      return takesImage(part) ? imageOf(part, shown) : undefined
    case "File":
      return takesFile(part) ? fileOf(part) : undefined
    case "Refusal":
    case "Reasoning":
    case "ToolCall":
    case "ToolResult":
      return undefined
  }
}

/** How items are written. */
export interface ItemOptions {
  readonly fitting: Fitting
  /** How well each image is to be looked at, by its path. */
  readonly details: ReadonlyMap<string, unknown>
}

// One text is a string; several parts are a list.
const contentOf = (parts: ReadonlyArray<Part>, { details }: ItemOptions): unknown => {
  const [first, ...more] = parts
  if (first?._tag === "Text" && more.length === 0) return first.text
  return parts.flatMap((part) => contentPart(part, details) ?? [])
}

const outputOf = ({ failed, parts }: Of<"ToolResult">, options: ItemOptions): unknown => {
  const said = parts.filter((part) => contentPart(part, options.details) !== undefined)
  const [first, ...more] = said
  if (!failed) return said.length === 0 ? "" : contentOf(said, options)
  const marked: ReadonlyArray<Part> =
    first?._tag === "Text"
      ? [{ ...first, text: failedMark + first.text }, ...more]
      : [{ _tag: "Text", text: failedMark }, ...said]
  return contentOf(marked, options)
}

const resultOf = (part: Of<"ToolResult">, options: ItemOptions): JsonObject => ({
  type: "function_call_output",
  call_id: fitId(part.id),
  output: outputOf(part, options)
})

// Reasoning of others that was signed is for them, and what nobody signed nobody believes.
const reasoningOf = ({ signed, text }: Of<"Reasoning">): ReadonlyArray<JsonObject> =>
  signed?.by !== "responses" || signed.value === ""
    ? []
    : [
        {
          type: "reasoning",
          id: madeItemId("reasoning", signed.value),
          summary: text === "" ? [] : [{ type: "summary_text", text }],
          encrypted_content: signed.value
        }
      ]

const assistantItem = (part: Part, { fitting }: ItemOptions): ReadonlyArray<JsonObject> => {
  switch (part._tag) {
    case "Text":
      return part.text === "" ? [] : [{ role: "assistant", content: part.text }]
    case "Refusal":
      return [
        {
          type: "message",
          id: madeItemId("message", part.text),
          role: "assistant",
          status: "completed",
          content: [{ type: "refusal", refusal: part.text }]
        }
      ]
    case "Reasoning":
      return reasoningOf(part)
    case "ToolCall":
      return [
        {
          type: "function_call",
          call_id: fitId(part.id),
          name: fitting.fit(part.name),
          arguments: part.input === "" ? "{}" : part.input
        }
      ]
    // Told before: an assistant shows nothing, and has no results.
    case "Image":
    case "File":
    case "ToolResult":
      return []
  }
}

// Results come before what else a turn says: they answer the calls of the turn before.
const userItems = (parts: ReadonlyArray<Part>, options: ItemOptions): ReadonlyArray<JsonObject> => {
  const results = parts.filter((part) => part._tag === "ToolResult")
  const rest = parts.filter((part) => contentPart(part, options.details) !== undefined)
  return [
    ...results.map((part) => resultOf(part, options)),
    ...(rest.length === 0 ? [] : [{ role: "user", content: contentOf(rest, options) }])
  ]
}

const systemItem = (parts: ReadonlyArray<Part>, options: ItemOptions): ReadonlyArray<JsonObject> => {
  const said = parts.filter((part) => part._tag === "Text")
  return said.length === 0 ? [] : [{ role: "system", content: contentOf(said, options) }]
}

/** What stands before the conversation: the first text is the instructions, and the others are an item before all. */
export const instructionsOf = ({
  system
}: Asked): { readonly first: string | undefined; readonly rest: ReadonlyArray<Part> } => {
  const texts = system.filter((part) => part._tag === "Text")
  return { first: texts[0]?.text, rest: texts.slice(1) }
}

/** The items of a conversation. */
export const itemsOf = (asked: Asked, options: ItemOptions): ReadonlyArray<JsonObject> => [
  ...systemItem(instructionsOf(asked).rest, options),
  ...asked.turns.flatMap(({ parts, role }) => {
    switch (role) {
      case "system":
        return systemItem(parts, options)
      case "user":
        return userItems(parts, options)
      case "assistant":
        return parts.flatMap((part) => assistantItem(part, options))
    }
  })
]
