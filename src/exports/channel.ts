/**
 * `effect-resilience/channel`: what the relay's other parts take of `src/channel`.
 *
 * @deprecated Goes in 0.3. What a program needs of it is in `effect-resilience/relay`.
 */
export * from "../channel/index.ts"
