/**
 * Which of Google's SDKs asks. Those for Python, Go, Java and .NET read less than the one for JavaScript, which is also what
 * other programs are like: they take every line of a stream for data or an error, and decode what is bytes to Google.
 */

/** The header in which Google's SDKs say who they are: `google-genai-sdk/1.40.0 gl-go/go1.25`. */
export const apiClient = "x-goog-api-client"

/** Whether a client is one of the strict ones. */
export const isStrict = (said: string | undefined): boolean =>
  said !== undefined && /\bgl-(?:python|go|java|dotnet)\//.test(said)
