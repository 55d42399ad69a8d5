/** What the benchmark uses of opossum, which comes without types. */
declare module "opossum" {
  interface Options {
    readonly timeout?: number | false
    readonly errorThresholdPercentage?: number
    readonly resetTimeout?: number
    readonly capacity?: number
    readonly rollingPercentilesEnabled?: boolean
  }
  export default class CircuitBreaker<A> {
    constructor(action: () => A | Promise<A>, options?: Options)
    fire(): Promise<A>
    open(): void
    shutdown(): void
  }
}
