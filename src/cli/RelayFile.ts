/**
 * The configuration file of the relay, composed of its sections. Each is declared beside what it configures, and taken
 * from its own file: who only checks a configuration loads no server.
 */
import { GroupsSection } from "../account/GroupsSection.ts"
import { LedgerSection } from "../account/LedgerSection.ts"
import { PricesSection } from "../account/PricesSection.ts"
import { QuotaSection } from "../account/QuotaSection.ts"
import { RateLimitSection } from "../account/RateLimitSection.ts"
import { TokensSection } from "../account/TokensSection.ts"
import { AffinitySection } from "../channel/AffinitySection.ts"
import { BreakerSection } from "../channel/BreakerSection.ts"
import { ChannelSection, dialectsAreThere } from "../channel/ChannelSection.ts"
import { DisableSection } from "../channel/DisableSection.ts"
import { TimeoutsSection } from "../channel/TimeoutsSection.ts"
import { upstreamDialectNames } from "../dialect/index.ts"
import { JournalSection } from "../journal/JournalSection.ts"
import { StoreSection } from "../journal/StoreSection.ts"
import { AlertsSection } from "../operate/AlertsSection.ts"
import { AuditSection } from "../operate/AuditSection.ts"
import { BooksSection } from "../operate/BooksSection.ts"
import { ErrorLogSection } from "../operate/ErrorLogSection.ts"
import { TrackerSection } from "../operate/TrackerSection.ts"
import { RecoverySection } from "../relay/RecoverySection.ts"
import { RetrySection } from "../relay/RetrySection.ts"
import { ChatSection } from "../server/ChatSection.ts"
import { SensitiveWordsSection } from "../server/SensitiveWordsSection.ts"
import { ServerSection } from "../server/ServerSection.ts"
import { type SettingsFile, settingsFile } from "../settings/index.ts"
import { relayRules } from "./RelayRules.ts"

/** The file of a relay whose channels may speak these dialects. */
export const relayFileOf = (dialects: ReadonlyArray<string>): SettingsFile =>
  settingsFile({
    sections: [
      ServerSection,
      ChatSection,
      StoreSection,
      JournalSection,
      BooksSection,
      AuditSection,
      ErrorLogSection,
      TrackerSection,
      TimeoutsSection,
      RetrySection,
      RecoverySection,
      BreakerSection,
      DisableSection,
      AlertsSection,
      TokensSection,
      RateLimitSection,
      SensitiveWordsSection,
      PricesSection,
      QuotaSection,
      GroupsSection,
      LedgerSection,
      AffinitySection,
      ChannelSection
    ],
    rules: [...relayRules, dialectsAreThere(dialects)],
    later: ["workers", "otlp"]
  })

/** The file of a relay whose channels speak what is built in. A start, which asks what there is, makes no second one. */
export const relayFile = (): SettingsFile => relayFileOf(upstreamDialectNames)
