/**
 * Data URLs: how images and files stand in the requests and answers of OpenAI's dialects.
 */

/** The media type and the base64 of a data URL; `undefined` for any other URL. */
export const readDataUrl = (url: string): { readonly mediaType: string; readonly base64: string } | undefined => {
  if (!/^data:/i.test(url)) return undefined
  const comma = url.indexOf(",")
  if (comma < 0) return undefined
  const [mediaType = "", ...more] = url.slice("data:".length, comma).split(";")
  return more.at(-1)?.trim().toLowerCase() === "base64"
    ? { mediaType: mediaType.trim().toLowerCase(), base64: url.slice(comma + 1) }
    : undefined
}
