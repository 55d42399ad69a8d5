/**
 * `effect-resilience/account`: what the relay's other parts take of `src/account`.
 *
 * @deprecated Goes in 0.3. What a program needs of it is in `effect-resilience/relay`.
 */
export * from "../account/index.ts"
