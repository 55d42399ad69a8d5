/**
 * How a store replies: by a callback, with a value or with its failure. A store that replies at once costs no fiber and
 * no promise on the way of an event.
 */
export type Reply<A, E> = { readonly ok: true; readonly value: A } | { readonly ok: false; readonly error: E }
