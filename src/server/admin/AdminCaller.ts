/**
 * Who asks the admin API: known before any handler of it runs.
 */
import { Context } from "effect"

/** Who asks, and by which request. */
export interface AdminCallerService {
  /** The name of its token; `""` on a relay without tokens, which only its own machine may ask. */
  readonly who: string
  /** Whether it may write. Who may not is a viewer. */
  readonly admin: boolean
  readonly requestId: string
}

/** Who asks. What runs outside a request is nobody, who may write nothing. */
export const AdminCaller: Context.Reference<AdminCallerService> = Context.Reference(
  "effect-resilience/server/admin/AdminCaller",
  { defaultValue: (): AdminCallerService => ({ who: "", admin: false, requestId: "" }) }
)
