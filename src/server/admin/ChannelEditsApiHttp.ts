/**
 * Channels that are added, changed and taken away.
 */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { integer } from "./Integers.ts"
import { noQuery } from "./ListsHttp.ts"

/** A channel as it stands in the file, without what is secret. */
export const EditedChannel = Schema.StructWithRest(
  Schema.Struct({
    id: Schema.String,
    source: Schema.Literals(["file", "admin"]).annotate({
      description: "Whether it stands in the file, where it can be overridden only, or was added."
    }),
    keys: Schema.Array(Schema.Null).annotate({ description: "null for each key." })
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)

const Fields = Schema.Record(Schema.String, Schema.Unknown)
const id = { id: Schema.String }

/** Its routes. */
export const ChannelEditsGroup = HttpApiGroup.make("channelEdits")
  .add(
    HttpApiEndpoint.post("add", "/", {
      query: noQuery,
      payload: Fields,
      success: EditedChannel.annotate({ httpApiStatus: 201 })
    }).annotate(
      OpenApi.Description,
      "Adds a channel, as it would be written in the file. It serves from the next request on."
    ),
    HttpApiEndpoint.patch("change", "/:id", {
      query: noQuery,
      params: id,
      payload: Fields,
      success: EditedChannel
    }).annotate(
      OpenApi.Description,
      "Changes fields of a channel. Of one of the file: priority, weight, models, enabled, timeouts."
    ),
    HttpApiEndpoint.delete("remove", "/:id", { query: noQuery, params: id }).annotate(
      OpenApi.Description,
      "Takes an added channel away. Answers under way end on it."
    ),
    HttpApiEndpoint.post("addKey", "/:id/keys", {
      query: noQuery,
      params: id,
      payload: Schema.Struct({ key: Schema.String }),
      success: EditedChannel.annotate({ httpApiStatus: 201 })
    }).annotate(OpenApi.Description, "Gives an added channel one key more. It is kept encrypted, and never shown."),
    HttpApiEndpoint.delete("removeKey", "/:id/keys/:index", {
      query: noQuery,
      params: { ...id, index: integer },
      success: EditedChannel
    }).annotate(OpenApi.Description, "Takes a key away, by its place. The others keep their health.")
  )
  .prefix("/admin/channels")
