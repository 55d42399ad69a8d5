/**
 * What of a URL is secret: credentials before its host, and keys in its query.
 */

/** Names of parameters whose values are keys: `api-key`, `access_token`, `X-Amz-Signature`, `sig`, `code`. */
const secretName = /key|token|secret|passw|pwd|cred|auth(?!or)|(?:^|[-_.])(?:sig|signature|code)$/i

/** The parameters of a URL's query, as they are written. */
const parametersOf = (url: string): ReadonlyArray<readonly [name: string, value: string]> => {
  const mark = url.indexOf("?")
  if (mark < 0) return []
  return url
    .slice(mark + 1)
    .split("#")[0]!
    .split("&")
    .map((parameter) => {
      const equals = parameter.indexOf("=")
      return equals < 0 ? [parameter, ""] : [parameter.slice(0, equals), parameter.slice(equals + 1)]
    })
}

/** The keys in a URL's query, as they are written and as they are meant. */
export const keysInQuery = (url: string): ReadonlyArray<string> =>
  parametersOf(url).flatMap(([name, value]) =>
    value !== "" && secretName.test(name) ? [value, ...new URLSearchParams(`v=${value}`).getAll("v")] : []
  )

/** Whether a text is a URL with credentials, before its host or in its query. */
export const hasCredentials = (text: string): boolean => /\/\/[^/?#]*@/.test(text) || keysInQuery(text).length > 0
