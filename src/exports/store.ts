/**
 * `effect-resilience/store`: what the relay's other parts take of `src/store`.
 *
 * @deprecated Goes in 0.3. What a program needs of it is in `effect-resilience/relay`.
 */
export * from "../store/index.ts"
