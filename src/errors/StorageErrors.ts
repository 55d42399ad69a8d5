/**
 * The store is to blame.
 */
import { fault } from "./Fault.ts"

/** `query_data_error`: stored data could not be read. */
export class QueryDataError extends /*#__PURE__*/ fault("query_data_error") {}

/** `update_data_error`: data could not be stored. */
export class UpdateDataError extends /*#__PURE__*/ fault("update_data_error") {}

/** `lease_lost`: the stream is being written by another process. */
export class LeaseLost extends /*#__PURE__*/ fault("lease_lost") {}

/** The classes of this family, in the catalogue's order. */
export const storageErrors = [QueryDataError, UpdateDataError, LeaseLost] as const
