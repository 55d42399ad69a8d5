/**
 * What a relay knows to be secret: of its settings, and of its channels, also of those that somebody puts in place while
 * it runs. `Secrets` is asked by the log, by each attempt, and at the end of each answer.
 */
import { Effect, Layer, Redacted } from "effect"
import { TokensSection } from "../account/index.ts"
import { type Channel, ChannelSection, Registry } from "../channel/index.ts"
import { isSecretName, makeSecrets, Secrets } from "../errors/index.ts"
import { Settings } from "../settings/index.ts"

/** A header's value, and what of it is the secret: behind `Bearer`, inside of `Basic`. */
const credentialsIn = (value: string): ReadonlyArray<string> => {
  const [scheme = "", ...rest] = value.trim().split(/\s+/)
  const credential = rest.join(" ")
  if (credential === "") return [value.trim()]
  if (scheme.toLowerCase() !== "basic") return [value.trim(), credential]
  const pair = Buffer.from(credential, "base64").toString("utf8")
  return [value.trim(), credential, pair, pair.slice(pair.indexOf(":") + 1)]
}

/** What gateways call the headers in which they are told who asks, beside the names of secrets everywhere. */
const credentialHeader = /(?:^|[-_.])(?:key|auth|authentication|jwt|session|sig|signature|pass)$/i

/** So many letters and digits in a row, of both kinds, are no word, version, or name of a feature. */
const random = /(?=[A-Za-z0-9]*[0-9])(?=[A-Za-z0-9]*[A-Za-z])[A-Za-z0-9]{20}/

/** Whether a header that was written out in the file is a secret: by its name, or by what it says. */
const isSecretHeader = (name: string, value: string): boolean =>
  isSecretName(name) || credentialHeader.test(name) || random.test(value)

/** The secrets of a channel. */
const secretsOf = ({ headers, keys }: Channel): ReadonlyArray<string> => [
  ...keys.map((key) => Redacted.value(key)),
  ...Object.entries(headers).flatMap(([name, value]) => (isSecretHeader(name, value) ? credentialsIn(value) : []))
]

/** The names by which a relay speaks of what it has, which it shows to everybody who may ask. */
const namesIn = (settings: Settings["Service"]): ReadonlySet<string> =>
  new Set([
    ...settings.of(ChannelSection).current.flatMap(({ id, models }) => [id, ...models]),
    ...settings.of(TokensSection).current.map(({ name }) => name)
  ])

/** The secrets of the settings, as they change. A name that came out of the environment is shown all the same. */
export const layerSettings: Layer.Layer<never, never, Settings> = Layer.effect(
  Secrets,
  Effect.gen(function* () {
    const settings = yield* Settings
    const secrets = makeSecrets()
    const learn = (): void => {
      const names = namesIn(settings)
      secrets.know([...settings.secrets.current].filter((secret) => !names.has(secret)).flatMap(credentialsIn))
    }
    learn()
    yield* Effect.acquireRelease(
      Effect.sync(() => settings.secrets.subscribe(learn)),
      (unsubscribe) => Effect.sync(unsubscribe)
    )
    return secrets
  })
)

/** The secrets of the channels that there are, beside them. */
export const layerChannels: Layer.Layer<never, never, Registry> = Layer.effectDiscard(
  Effect.gen(function* () {
    const registry = yield* Registry
    const secrets = yield* Secrets
    const learn = (): void => secrets.know(registry.channels().flatMap(secretsOf))
    learn()
    yield* registry.subscribe(learn)
  })
)
