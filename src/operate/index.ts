// What other floors take.
export { Audit, type AuditPage, type AuditRow, type Change, type ChangedBy } from "./Audit.ts"
export { type AuditOptions, AuditSection } from "./AuditSection.ts"
export { type AnsweredWrite, type NamedWrite, type WriteAnswer, WriteOnce } from "./WriteOnce.ts"
export { type BooksOptions, BooksSection } from "./BooksSection.ts"
export { type ChannelEdited, ChannelEdits, type ChannelRefusal, type ChannelShown } from "./ChannelEdits.ts"
export { KeptEdits } from "./KeptEdits.ts"
export { Reload, type ReloadedBy } from "./Reload.ts"
export { type SettingsChanged, type SettingShown, SettingsStore } from "./SettingsStore.ts"
