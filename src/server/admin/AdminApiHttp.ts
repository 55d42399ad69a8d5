/**
 * The admin API: what may be asked and what is answered, as one `HttpApi`. Its OpenAPI document is made of this. A part has
 * a file of its own for its group and another for its handlers.
 */
import { HttpApi, OpenApi } from "effect/http-api"
import { ErrorEnvelope } from "../../http/ErrorEnvelopeHttp.ts"
import { packageVersion } from "../PackageNode.ts"
import { ChannelEditsGroup } from "./ChannelEditsApiHttp.ts"
import { SettingsGroup } from "./SettingsApiHttp.ts"
import { AuditGroup } from "./AuditApiHttp.ts"
import { QuotaGroup } from "./QuotaApiHttp.ts"
import { ChannelsGroup } from "./ChannelsApiHttp.ts"
import { StreamsGroup } from "./StreamsApiHttp.ts"
import { TokensGroup } from "./TokensApiHttp.ts"
import { ErrorsGroup } from "./ErrorsApiHttp.ts"
import { SummaryGroup } from "./SummaryApiHttp.ts"

const strict = { onExcessProperty: "error", errors: "all" } as const

/** How a token is sent, so that clients that are made of the document send one. Without tokens there is none to send. */
const withBearer = (document: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
  ...document,
  components: {
    ...(document["components"] as object),
    securitySchemes: { token: { type: "http", scheme: "bearer" } }
  },
  security: [{ token: [] }, {}]
})

/** All parts. What nobody knows of in a query or a body is refused, and all that is wrong is told at once. */
export class AdminApi extends HttpApi.make("admin")
  .add(StreamsGroup)
  .add(SettingsGroup)
  .add(ChannelEditsGroup)
  .add(AuditGroup)
  .add(TokensGroup)
  .add(QuotaGroup)
  .add(ChannelsGroup)
  .add(ErrorsGroup)
  .add(SummaryGroup)
  .middleware(ErrorEnvelope)
  .annotate(HttpApi.QueryParseOptions, strict)
  .annotate(HttpApi.PayloadParseOptions, strict)
  .annotate(OpenApi.Transform, withBearer)
  .annotate(OpenApi.Version, packageVersion())
  .annotate(OpenApi.Title, "effect-resilience: the admin API")
  .annotate(
    OpenApi.Description,
    "What operators see of a relay, and change. Lists are `{ data, next }`: `next` is the `cursor` of the next page."
  ) {}
