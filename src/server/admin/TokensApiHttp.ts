/**
 * Tokens: who may use the relay.
 */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { afterToken, limit, noQuery, pageOf } from "./ListsHttp.ts"
import { NewTokenBody, RotateBody, TokenChangeBody, TokenShown, TokenWithKeyShown } from "./TokenBodies.ts"

const params = { name: Schema.String }

/** Their routes. */
export const TokensGroup = HttpApiGroup.make("tokens")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: Schema.Struct({ limit, cursor: afterToken }),
      success: pageOf(TokenShown)
    }).annotate(
      OpenApi.Summary,
      "All tokens: those of the configuration file in its order, then those of the books by name."
    ),
    HttpApiEndpoint.post("create", "/", {
      query: noQuery,
      payload: NewTokenBody,
      success: TokenWithKeyShown.pipe(HttpApiSchema.status(201))
    }).annotate(OpenApi.Summary, "Makes a token, and its key, which is shown in this answer and in no other."),
    HttpApiEndpoint.get("get", "/:name", { query: noQuery, params, success: TokenShown }).annotate(
      OpenApi.Summary,
      "One token."
    ),
    HttpApiEndpoint.patch("update", "/:name", {
      query: noQuery,
      params,
      payload: TokenChangeBody,
      success: TokenShown
    }).annotate(OpenApi.Summary, "Changes a token of the books: what is absent stays, null takes a setting away."),
    HttpApiEndpoint.delete("remove", "/:name", { query: noQuery, params, success: HttpApiSchema.NoContent }).annotate(
      OpenApi.Summary,
      "Removes a token of the books. Its keys are unknown from then on; what it has begun ends as it would have."
    ),
    HttpApiEndpoint.post("rotate", "/:name/rotate", {
      query: noQuery,
      params,
      payload: [RotateBody, Schema.Null],
      success: TokenWithKeyShown
    }).annotate(
      OpenApi.Summary,
      "Makes a new key, which is shown in this answer and in no other. The old one is good for the grace."
    )
  )
  .prefix("/admin/tokens")
