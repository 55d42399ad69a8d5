/**
 * What every view has at hand: the API, whether it may change anything, and how it asks before it does.
 */
import { createContext, type ReactNode, useContext } from "react"
import type { Api } from "../Api.ts"
import type { Unit } from "../Credits.ts"
import type { Result } from "../Failure.ts"

/** Whether the one who looks may change anything. */
export type Permission = { readonly _tag: "Writes" } | { readonly _tag: "Reads"; readonly why: string }

/** Something that is to be done, once somebody has said yes. */
export interface Act<A> {
  /** What is done, and to whom: the question's heading. */
  readonly title: string
  /** What it will do. */
  readonly says: ReactNode
  /** What the button says: a verb. */
  readonly verb: string
  /** It takes something away. */
  readonly danger?: boolean
  /** Does it. `key` is the same however often it is tried from one question. */
  readonly run: (key: string) => Promise<Result<A>>
  /** It was done, and this came of it. */
  readonly done?: (value: A) => void
  /** What was read before is old: it was done, or taken back. */
  readonly refresh?: () => void
  /** What is said then. */
  readonly told: string
  /** What takes it back, where that is possible. */
  readonly undo?: { readonly told: string; readonly run: (key: string) => Promise<Result<unknown>> }
}

/** What is at hand. */
export interface Admin {
  readonly api: Api
  readonly permission: Permission
  /** What credits are shown as. */
  readonly unit: Unit
  /** Asks, and does it when the answer is yes. */
  readonly ask: <A>(act: Act<A>) => void
  /** Says something that passes, and offers to take it back. */
  readonly tell: (text: string, undo?: Act<unknown>["undo"], after?: () => void) => void
}

const context = createContext<Admin | undefined>(undefined)

/** Gives it to what is within. */
export const AdminProvider = context.Provider

/** What is at hand. */
export const useAdmin = (): Admin => {
  const admin = useContext(context)
  if (admin === undefined) throw new Error("outside of the admin page")
  return admin
}
