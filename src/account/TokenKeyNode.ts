/**
 * Keys of tokens: how one is made, and what is kept of it.
 */
import { createHash, randomInt } from "node:crypto"
import { Redacted } from "effect"

const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
/** 62 to this power is 2 to the 256th. */
const length = 43

/** A new key: `er-` and 43 letters and digits, 256 bits of chance. */
export const makeKey = (): Redacted.Redacted =>
  Redacted.make(`er-${Array.from({ length }, () => letters[randomInt(letters.length)]).join("")}`)

/**
 * What is kept of a key: its SHA-256, in hex. A key is chance and not a password, so a slow hash would only cost time;
 * and a look-up by digest needs no comparison in constant time, since nobody can choose how near a digest comes.
 */
export const digestOf = (key: Redacted.Redacted): string =>
  createHash("sha256").update(Redacted.value(key), "utf8").digest("hex")
