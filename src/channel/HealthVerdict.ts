/**
 * What an error says of the health of who was asked: which of key, model, channel and circuit is at fault.
 */
import { type Blame, blameOf, type ByBlame, type ResilienceError } from "../errors/index.ts"

/** What an attempt says of the health of its spot. */
export type Verdict =
  | { readonly _tag: "Success" }
  | { readonly _tag: "Fault"; readonly fault: Fault; readonly hintMillis: number | undefined }
  | { readonly _tag: "Nothing" }

/** What is at fault: `circuit` is the key for the model, where one failure is not enough. */
export type Fault = "rate" | "quota" | "credential" | "model" | "channel" | "circuit"

const faults = {
  caller: undefined,
  content: undefined,
  credential: "credential",
  quota: "quota",
  rate: "rate",
  model: "model",
  channel: "channel",
  upstream: "circuit",
  timeout: "circuit",
  transport: "circuit",
  rejected: undefined,
  exhausted: undefined,
  storage: undefined,
  cancelled: undefined,
  defect: undefined
} as const satisfies ByBlame<Fault | undefined>

/** What an error says of the health of what was asked. Total: a new blame does not compile without its answer. */
export const verdictOf = (error: ResilienceError): Verdict => {
  const fault: Fault | undefined = faults[blameOf(error) satisfies Blame]
  if (fault === undefined) return nothing
  const hint = error.retryAfterMillis
  return { _tag: "Fault", fault, hintMillis: hint !== undefined && hint > 0 ? hint : undefined }
}

/**
 * What an error says where its request has penalised the channel already. That a channel failed counts once for a request;
 * what the upstream said of a key (it is dead, its quota is spent, it is too fast) is about that key, whatever failed
 * before it, and so is a hint.
 */
export const sayingOf = (error: ResilienceError): Verdict => {
  const verdict = verdictOf(error)
  if (verdict._tag !== "Fault") return nothing
  switch (verdict.fault) {
    case "credential":
    case "quota":
    case "rate":
      return verdict
    case "circuit":
      // The hint alone: no failure of the circuit.
      return verdict.hintMillis === undefined ? nothing : { ...verdict, fault: "rate" }
    case "model":
    case "channel":
      return nothing
  }
}

/** It says nothing. */
export const nothing: Verdict = { _tag: "Nothing" }

/** It went well. */
export const success: Verdict = { _tag: "Success" }
