/**
 * The names of the dialects of this house. A name without its row in the registry (`Dialects.ts`), and a row without its
 * name, does not compile; the configuration and the routes take their names from here.
 *
 * Dialects of upstreams that a program brings (`Dialects.layer`) have names of their own, which are plain texts: what only
 * a client of the same dialect would understand, and so every type that says `UpstreamDialectName`, is never theirs.
 */

/** The wire formats that clients speak to the relay. */
export const clientDialectNames = ["openai", "responses", "anthropic", "gemini", "chat"] as const

/** A wire format that clients speak to the relay. */
export type ClientDialectName = (typeof clientDialectNames)[number]

/** The wire formats of upstreams that are built in. */
export const upstreamDialectNames = ["openai", "responses", "anthropic", "gemini"] as const

/** A wire format of upstreams that is built in. */
export type UpstreamDialectName = (typeof upstreamDialectNames)[number]
