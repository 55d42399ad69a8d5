/**
 * We are to blame: a bug. A client reads nothing but that.
 */
import { Schema } from "effect"
import { fault } from "./Fault.ts"

/** `internal_error`: internal error. */
export class InternalError extends Schema.TaggedError<InternalError>()("InternalError", fault("internal_error")) {}

/** `application_exception`: internal error. */
export class ApplicationException extends Schema.TaggedError<ApplicationException>()("ApplicationException", {
  ...fault("application_exception"),
  typeId: Schema.Int
}) {}
