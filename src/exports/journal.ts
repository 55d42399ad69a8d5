/**
 * `effect-resilience/journal`: what the relay's other parts take of `src/journal`.
 *
 * @deprecated Goes in 0.3. What a program needs of it is in `effect-resilience/relay`.
 */
export * from "../journal/index.ts"
