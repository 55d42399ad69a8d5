/**
 * Keeps secrets in the books so that who reads the books does not read them: AES-256-GCM, with a key that comes of
 * `server.secret` (HKDF with SHA-256, RFC 5869) and a nonce of chance for each text. What a text is about is bound to it
 * as associated data, so that nobody can put one channel's keys in the place of another's.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto"
import { Redacted, Result } from "effect"

/** Seals texts and opens them. */
export interface Seal {
  /** `about` must be said again by whoever opens it. */
  readonly close: (text: string, about: string) => string
  /** The text; a failure where it was sealed with another secret, is about something else, or was changed. */
  readonly open: (sealed: string, about: string) => Result.Result<string, "not opened">
}

/** The form of what is kept: a later one says so. */
const version = "1."
const nonceBytes = 12
const tagBytes = 16

/** The seal of a secret. Of the same secret it is the same in every process. */
export const makeSeal = (secret: Redacted.Redacted): Seal => {
  const key = Buffer.from(hkdfSync("sha256", Redacted.value(secret), "", "effect-resilience books 1", 32))
  return {
    close: (text, about) => {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(about, "utf8"))
      const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()])
      return version + Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64")
    },
    open: (sealed, about) =>
      Result.try({
        try: () => {
          if (!sealed.startsWith(version)) throw new Error("another version")
          const bytes = Buffer.from(sealed.slice(version.length), "base64")
          const tag = bytes.subarray(nonceBytes, nonceBytes + tagBytes)
          // The length is said: a shorter tag would be easier to guess.
          const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, nonceBytes), {
            authTagLength: tagBytes
          })
          decipher.setAAD(Buffer.from(about, "utf8")).setAuthTag(tag)
          return Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]).toString(
            "utf8"
          )
        },
        catch: () => "not opened" as const
      })
  }
}
