/**
 * `effect-resilience/server`: what the relay's other parts take of `src/server`.
 *
 * @deprecated Goes in 0.3. What a program needs of it is in `effect-resilience/relay`.
 */
export * from "../server/index.ts"
