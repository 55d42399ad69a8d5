/**
 * An image that a tool of the upstream's has made.
 */
import type { Piece } from "../Event.ts"
import type { JsonObject } from "../Json.ts"
import { kindOfMedia } from "../MediaKind.ts"

const textIn = (object: JsonObject, field: string): string => {
  const value = object[field]
  return typeof value === "string" ? value : ""
}

/** The image in an item that is done; `undefined` where none was made. */
export const imageIn = (item: JsonObject): Piece | undefined => {
  const base64 = textIn(item, "result")
  if (base64 === "") return undefined
  const format = textIn(item, "output_format") || "png"
  return { _tag: "Media", mediaType: kindOfMedia(`image/${format}`, base64), base64 }
}
