/**
 * Where one is on the page, written in the part of its address that no server sees: `#/errors?channel=primary`. What is
 * filtered and opened is in it, so an address can be sent to somebody else, and the browser's back button works.
 */
import { useSyncExternalStore } from "react"

/** The views, in the order in which they stand. */
export const views = [
  "now",
  "errors",
  "request",
  "streams",
  "channels",
  "tokens",
  "ledger",
  "settings",
  "audit"
] as const

/** One of them. */
export type View = (typeof views)[number]

/** What each is called. */
export const titles: { readonly [view in View]: string } = {
  now: "Now",
  errors: "Errors",
  request: "Request",
  streams: "Streams",
  channels: "Channels",
  tokens: "Tokens",
  ledger: "Quota & ledger",
  settings: "Settings",
  audit: "Audit"
}

/** What stands behind the question mark. */
export type Query = { readonly [name: string]: string }

/** A view, what it is about, and how it is filtered. */
export interface Place {
  readonly view: View
  /** The id of the one that is looked at: of a request, of a channel, of a token. */
  readonly id: string | undefined
  readonly query: Query
}

const isView = (text: string): text is View => (views as ReadonlyArray<string>).includes(text)

const decoded = (text: string): string => {
  // What somebody typed need not be well escaped.
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The place of a hash; of one that is none, what is wrong now. */
export const placeOf = (hash: string): Place => {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s)
  const [view = "", ...rest] = path.split("/")
  if (!isView(view)) return { view: "now", id: undefined, query: {} }
  const id = decoded(rest.join("/"))
  return { view, id: id === "" ? undefined : id, query: Object.fromEntries(new URLSearchParams(query)) }
}

/** The hash of a place. Filters that are empty are left out. */
export const hashOf = (
  view: View,
  id?: string,
  query: { readonly [name: string]: string | undefined } = {}
): string => {
  const kept = Object.entries(query).filter((entry): entry is [string, string] => (entry[1] ?? "") !== "")
  const search = new URLSearchParams(kept).toString()
  return `#/${view}${id === undefined ? "" : `/${encodeURIComponent(id)}`}${search === "" ? "" : `?${search}`}`
}

const listeners = new Set<() => void>()

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener)
  globalThis.addEventListener("hashchange", listener)
  return () => {
    listeners.delete(listener)
    globalThis.removeEventListener("hashchange", listener)
  }
}

/** Goes to a place. `replace`: without a step in the history, as for a filter while it is typed. */
export const go = (hash: string, how: "push" | "replace" = "push"): void => {
  if (hash === location.hash) return
  if (how === "push") history.pushState(null, "", hash)
  else history.replaceState(null, "", hash)
  for (const listener of listeners) listener()
}

const current = (): string => location.hash

/** Where one is. */
export const usePlace = (): Place => placeOf(useSyncExternalStore(subscribe, current))
