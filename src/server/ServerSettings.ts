/**
 * What the server and its routes are set to. A cell's value is read at each request.
 */
import { type Timeouts, TimeoutsSection } from "../channel/index.ts"
import { type JournalOptions, JournalSection } from "../journal/JournalSection.ts"
import type { Cell, SettingsService } from "../settings/index.ts"
import { type ChatOptions, ChatSection } from "./ChatSection.ts"
import { type ServerOptions, ServerSection } from "./ServerSection.ts"

/** What the server and its routes are set to. */
export interface ServerSettings {
  readonly server: ServerOptions
  readonly journal: JournalOptions
  readonly chat: Cell<ChatOptions>
  readonly timeouts: Cell<Timeouts>
}

/** The server's part of the settings. */
export const serverSettings = (settings: SettingsService): ServerSettings => ({
  server: settings.of(ServerSection).current,
  journal: settings.of(JournalSection).current,
  chat: settings.of(ChatSection),
  timeouts: settings.of(TimeoutsSection)
})
