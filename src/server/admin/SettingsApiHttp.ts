/**
 * Settings at run time.
 */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { afterName, limit, noQuery, pageOf } from "./ListsHttp.ts"

/** A setting. Values are as they would be written in the file. */
export const Setting = Schema.Struct({
  path: Schema.String.annotate({ description: "`timeouts.idle`, `channels.primary.priority`." }),
  value: Schema.Unknown.annotate({ description: "What counts. null where it is secret." }),
  default: Schema.Unknown.annotate({ description: "What it is where nobody says anything." }),
  source: Schema.Literals(["default", "file", "admin"]),
  description: Schema.String,
  secret: Schema.Boolean.annotate({ description: "Whether its value is kept back." }),
  changeable: Schema.Boolean.annotate({ description: "Whether it may be changed here." }),
  fault: Schema.optionalKey(Schema.String).annotate({
    description: "Why a value that an admin has given does not count: the file does not allow it."
  })
})

/** Its routes. */
export const SettingsGroup = HttpApiGroup.make("settings").add(
  HttpApiEndpoint.get("list", "/admin/settings", {
    query: Schema.Struct({ limit, cursor: afterName }),
    success: pageOf(Setting)
  }).annotate(OpenApi.Description, "All settings. Without a limit as many as 1,000."),
  HttpApiEndpoint.patch("change", "/admin/settings", {
    query: noQuery,
    payload: Schema.Record(Schema.String, Schema.Unknown),
    success: pageOf(Setting)
  }).annotate(
    OpenApi.Description,
    "Changes values by path, each as it would be written in the file: all, or none where one is wrong. Answers with those settings."
  ),
  HttpApiEndpoint.delete("reset", "/admin/settings/:path", {
    query: noQuery,
    params: { path: Schema.String },
    success: Setting
  }).annotate(
    OpenApi.Description,
    "Takes a change back: the file's value counts again, or the default. Of an object (`retry`, `channels.primary.timeouts`) all that was changed in it, and the answer is the object."
  ),
  HttpApiEndpoint.post("reload", "/admin/reload", {
    query: noQuery,
    success: Schema.Struct({ status: Schema.Literal("reloaded") })
  }).annotate(
    OpenApi.Description,
    "Reads the configuration file again, as SIGHUP does: all of it counts, or nothing has changed."
  )
)
