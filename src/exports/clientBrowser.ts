/**
 * `effect-resilience/client/browser`: the client without Effect, for browsers and Node. It loads nothing but itself. The
 * package `effect-resilience-client` is the same, for who installs nothing else.
 */

// The client
export {
  type ClientState,
  type Params,
  RetryStreamingClient,
  type RetryStreamingClientOptions
} from "../client/RetryStreamingClient.ts"

// What it calls handlers with
export type { ClientEvents, ClientHandlers, ConnectionError, OtherName, RetryNotice } from "../client/ClientEvents.ts"
export type {
  AttemptData,
  ContentData,
  DoneData,
  FailoverData,
  InitData,
  UsageData
} from "../client/ChatData.ts"

// Why it gave up
export type { ClientFault, ConnectionFault, HttpFault, ServerError, ServerFault } from "../client/ClientFault.ts"

// How it comes back
export type { Jitter, ReconnectOptions } from "../client/ReconnectRules.ts"
