/**
 * Which of Google's SDKs asks. Those for Python, Go, Java and .NET decode what is bytes to Google; to the one for JavaScript,
 * and to other programs, it is a text. What each reads of a stream is in `BareEvents.ts`.
 */

/** The header in which Google's SDKs say who they are: `google-genai-sdk/1.40.0 gl-go/go1.25`. */
export const apiClient = "x-goog-api-client"

/** Whether a client decodes signatures. */
export const isStrict = (said: string | undefined): boolean =>
  said !== undefined && /\bgl-(?:python|go|java|dotnet)\//.test(said)
