// What other floors take: the channels that there are, which of them is asked, and how.
export { Affinity, type Home } from "./Affinity.ts"
export { type AffinityOptions, AffinitySection, type SessionSource } from "./AffinitySection.ts"
export { type BreakerOptions, BreakerSection } from "./BreakerSection.ts"
export { keyId, type Target } from "./Channel.ts"
export type { ChannelEvent, ChannelStateName, DisabledReason } from "./ChannelEvent.ts"
export { type Channel, ChannelSection } from "./ChannelSection.ts"
export type { ChannelDetail, KeyDetail, KeyStateName, ModelDetail, Off } from "./Detail.ts"
export { type DisableOptions, DisableSection } from "./DisableSection.ts"
export { type Evidence, makeWitness, type Witness } from "./Evidence.ts"
export type { Disabler, Fact } from "./Fact.ts"
export type {
  ChannelState,
  Outcome,
  Patience,
  Picked,
  PickError,
  SelectionOptions,
  SelectionService,
  Testimony,
  Tried,
  Wanted
} from "./Pick.ts"
export { isPinned, parsePin, type Pin, pinHeader } from "./Pin.ts"
export type { Refused } from "./Refusals.ts"
export { Registry, type RegistryService } from "./Registry.ts"
export { probedModel, targetToTest } from "./Serving.ts"
export { Selection } from "./Selection.ts"
export { defaultGroup } from "./Serving.ts"
export { type Timeouts, TimeoutsSection } from "./TimeoutsSection.ts"
export {
  Upstream,
  type UpstreamCall,
  type UpstreamCancellation,
  type UpstreamRequest,
  type UpstreamRoute,
  type UpstreamSink
} from "./Upstream.ts"
export * as UpstreamNode from "./UpstreamNode.ts"
