/**
 * What is used of `@sentry/node`, which is an optional peer and need not be installed to compile this.
 */
declare module "@sentry/node" {
  export const init: (options: { readonly [option: string]: unknown }) => unknown
  export const captureException: (
    exception: unknown,
    context: {
      readonly fingerprint: ReadonlyArray<string>
      readonly tags: { readonly [tag: string]: string | number }
      readonly level: string
    }
  ) => unknown
  export const close: (timeoutMillis?: number) => PromiseLike<boolean>
}
