/**
 * Of which kind an image or a file is. Its first bytes say it, and what it is called is a hint: many programs call each
 * image a PNG, or a JPEG by a name that is none, and vendors refuse what is not what it is called.
 */

/** How kinds that are known by their bytes begin, in base64. */
const beginnings: ReadonlyArray<readonly [beginning: string, mediaType: string]> = [
  ["iVBOR", "image/png"],
  ["/9j/", "image/jpeg"],
  ["R0lG", "image/gif"],
  ["UklG", "image/webp"],
  ["JVBER", "application/pdf"]
]

const otherNames: ReadonlyMap<string, string> = new Map([
  ["image/jpg", "image/jpeg"],
  ["image/pjpeg", "image/jpeg"]
])

/** Names that say no kind. */
const nameless: ReadonlySet<string> = new Set(["", "application/octet-stream", "binary/octet-stream"])

const isImage = (mediaType: string): boolean => mediaType.startsWith("image/")

/** The media type, without parameters; `""` where neither its name nor its bytes say one. */
export const kindOfMedia = (mediaType: string | undefined, base64: string): string => {
  const said = (mediaType ?? "").split(";")[0]!.trim().toLowerCase()
  const found = beginnings.find(([beginning]) => base64.startsWith(beginning))?.[1]
  if (found !== undefined && (nameless.has(said) || (isImage(said) && isImage(found)))) return found
  return otherNames.get(said) ?? said
}
