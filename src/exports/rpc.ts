/**
 * `effect-resilience/rpc`: streams over `effect/rpc` that end as what they are, and are cancelled with a cause through any
 * number of services. It is built on `effect/rpc`, which Effect 4.1 marks unstable.
 */

// What a stream may end with
export { StreamError } from "../rpc/StreamError.ts"

// For a server
export { CurrentStream, type ServedStream } from "../rpc/CurrentStream.ts"
export { CancelStream, StreamControl } from "../rpc/StreamControlHttp.ts"
export { type ServiceOptions, StreamFaults } from "../rpc/StreamFaultsHttp.ts"

// For a client
export {
  type CallError,
  type CancelCause,
  openStream,
  type StreamCall,
  StreamCalls
} from "../rpc/StreamCallHttp.ts"
