/**
 * How requests are read: what the configuration says of them now.
 */
import type { Selection } from "../channel/index.ts"
import type { ParseRules } from "../dialect/index.ts"
import type { SettingsService } from "../settings/index.ts"
import { ChatSection } from "./ChatSection.ts"

/** The rules for requests of a group, as they are when they are asked for. */
export const parseRules = (
  settings: SettingsService,
  selection: Selection["Service"]
): ((group: string) => ParseRules) => {
  const chat = settings.of(ChatSection)
  return (group) => ({
    maxMessage: chat.current.maxMessage,
    defaultModel: chat.current.model ?? selection.models(group)[0] ?? ""
  })
}
