/**
 * How a store answers: by a callback, with a value or with its failure. A store that answers at once costs no fiber and
 * no promise on the way of an event.
 */
export type Answer<A, E> = { readonly ok: true; readonly value: A } | { readonly ok: false; readonly error: E }
