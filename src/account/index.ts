// What other floors take. How tokens are compared, cached and written is inside.
export {
  type Account,
  type AccountOf,
  type Allowance,
  allowanceOf,
  type Budget,
  leftOf,
  mostCredits
} from "./Allowance.ts"
export { type Group, GroupsSection } from "./GroupsSection.ts"
export {
  Ledger,
  type LedgerPage,
  type LedgerQuery,
  type LedgerSum,
  type UsageBy,
  usageBy,
  type UsageOf
} from "./Ledger.ts"
export { type Kind, kinds, type LedgerRow } from "./LedgerRows.ts"
export { LedgerSection } from "./LedgerSection.ts"
export { isNetwork } from "./Network.ts"
export { costOf, plainPrice, type Price, priceOf, type Prices } from "./Prices.ts"
export { PricesSection } from "./PricesSection.ts"
export {
  type BalanceChange,
  BalanceTooLarge,
  type Final,
  Quota,
  type QuotaLow,
  type QuotaState,
  refundOf,
  type Reserved,
  type Wanted,
  type Whose
} from "./Quota.ts"
export type { Processes } from "./Presence.ts"
export * as ProcessesNode from "./ProcessesNode.ts"
export * as QuotaLive from "./QuotaLive.ts"
export { type QuotaOptions, QuotaSection } from "./QuotaSection.ts"
export { limitHeaders, type RateLimit, RateLimits, type Taken } from "./RateLimits.ts"
export { type RateLimitOptions, RateLimitSection } from "./RateLimitSection.ts"
export { creditsToReserve, tokensToReserve } from "./Reservation.ts"
export { type EndedAnswer, type Settlement, settlementOf } from "./Settlement.ts"
export {
  type Caller,
  countsAt,
  type FileToken,
  fingerprintOf,
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
export type { PageAsked, TokensPage } from "./TokensPage.ts"
export { TokensSection } from "./TokensSection.ts"
