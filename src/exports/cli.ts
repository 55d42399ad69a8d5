/**
 * `effect-resilience/cli`: what the relay's other parts take of `src/cli`.
 *
 * @deprecated Goes in 0.3. What a program needs of it is in `effect-resilience/relay`.
 */
export * from "../cli/index.ts"
