/**
 * The store is to blame.
 */
import { Schema } from "effect"
import { fault } from "./Fault.ts"

/** `query_data_error`: stored data could not be read. */
export class QueryDataError extends Schema.TaggedError<QueryDataError>()("QueryDataError", fault("query_data_error")) {}

/** `update_data_error`: data could not be stored. */
export class UpdateDataError extends Schema.TaggedError<UpdateDataError>()(
  "UpdateDataError",
  fault("update_data_error")
) {}

/** `lease_lost`: the stream is being written by another process. */
export class LeaseLost extends Schema.TaggedError<LeaseLost>()("LeaseLost", fault("lease_lost")) {}
