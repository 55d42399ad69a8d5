/**
 * The names of the dialects. A name without its row in the registry (`Dialects.ts`), and a row without its name, does not
 * compile; channels, the configuration and the routes take their names from here.
 */

/** The wire formats that clients speak to the relay. */
export const clientDialectNames = ["openai", "responses", "anthropic", "gemini", "chat"] as const

/** A wire format that clients speak to the relay. */
export type ClientDialectName = (typeof clientDialectNames)[number]

/** The wire formats that upstreams speak. */
export const upstreamDialectNames = ["openai", "responses", "anthropic", "gemini"] as const

/** A wire format that upstreams speak. */
export type UpstreamDialectName = (typeof upstreamDialectNames)[number]
