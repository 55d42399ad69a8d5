// What other floors take. How tokens are compared, cached and written is inside.
export { isNetwork } from "./Network.ts"
export { limitHeaders, type RateLimit, RateLimits, type Taken } from "./RateLimits.ts"
export { type RateLimitOptions, RateLimitSection } from "./RateLimitSection.ts"
export {
  type Caller,
  countsAt,
  type FileToken,
  groupOf,
  mayUse,
  type NewToken,
  type Token,
  type TokenChange,
  tokenDefaults,
  TokenQuota,
  TokenRate,
  TokenSettings,
  type TokensNeeded
} from "./Token.ts"
export {
  LastAdmin,
  TokenNameTaken,
  TokenNotFound,
  TokenOfFile,
  TokensUnavailable,
  TokensWithoutBooks
} from "./TokenErrors.ts"
export { type TokenChangeError, Tokens, type TokenWithKey } from "./Tokens.ts"
export * as TokensNode from "./TokensNode.ts"
export { TokensSection } from "./TokensSection.ts"
