/**
 * We are to blame: a bug. A client reads nothing but that.
 */
import { fault } from "./Fault.ts"

/** `internal_error`: internal error. */
export class InternalError extends /*#__PURE__*/ fault("internal_error") {}

/** `application_exception`: internal error. */
export class ApplicationException extends /*#__PURE__*/ fault("application_exception")<{
  readonly typeId: number
}> {}

/** The classes of this family, in the catalogue's order. */
export const defectErrors = [InternalError, ApplicationException] as const
