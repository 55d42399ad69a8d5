/**
 * Which of two JSON bodies a client asks for: a plain one, or `application/problem+json` (RFC 9457).
 */

/**
 * The body that an `Accept` header asks for. `problem` only if it names that type itself, with a quality that is neither
 * zero nor below the one of `application/json`; a wildcard asks for nothing in particular.
 *
 * ```ts import.meta.vitest
 * import { bodyAsked } from "effect-resilience/http"
 *
 * bodyAsked("application/problem+json, application/json;q=0.9") // => "problem"
 * bodyAsked("application/json, application/problem+json;q=0.5") // => "standard"
 * bodyAsked("*" + "/*") // => "standard"
 * ```
 */
export const bodyAsked = (accept: string | undefined): "standard" | "problem" => {
  if (accept === undefined) return "standard"
  let problem = 0
  let json = 0
  for (const range of accept.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase())
    if (type === "application/problem+json") problem = Math.max(problem, qualityOf(parameters))
    else if (type === "application/json") json = Math.max(json, qualityOf(parameters))
  }
  return problem > 0 && problem >= json ? "problem" : "standard"
}

// Anything but a number from 0 to 1 counts as 1: a garbled weight is no refusal.
const qualityOf = (parameters: ReadonlyArray<string>): number => {
  const weight = parameters.find((parameter) => parameter.startsWith("q="))
  return weight !== undefined && /^q=(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weight) ? Number(weight.slice(2)) : 1
}
