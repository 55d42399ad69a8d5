/**
 * `effect-resilience/dialect`: what the relay's other parts take of `src/dialect`.
 *
 * @deprecated Goes in 0.3. What a program needs of it is in `effect-resilience/relay`.
 */
export * from "../dialect/index.ts"
