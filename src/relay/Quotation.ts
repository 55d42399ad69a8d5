/**
 * What an upstream's words quote of the request: a prompt, or an answer that was to go on, which no log may hold.
 */

/** What is that long and stands in both is a quotation; what is shorter is chance. */
const run = 16

/** Of a longer request the first and the last million characters are looked at: no turn of the loop takes longer. */
const lookedAt = 1_000_000

const base = 0x01000193
const leading = (() => {
  let power = 1
  for (let at = 0; at < run - 1; at++) power = Math.imul(power, base)
  return power
})()

const slotOf = (hash: number): number => (hash ^ (hash >>> 16)) & 0xffff

const escaped: { readonly [char: string]: number } = { n: 10, r: 13, t: 9, b: 8, f: 12 }

/** The places in a text at which runs begin, by their hash. */
const runsOf = (text: string): { readonly slots: Uint8Array; readonly places: Map<number, Array<number>> } => {
  const slots = new Uint8Array(1 << 16)
  const places = new Map<number, Array<number>>()
  let hash = 0
  for (let at = 0; at < text.length; at++) {
    if (at >= run) hash = (hash - Math.imul(text.charCodeAt(at - run), leading)) | 0
    hash = (Math.imul(hash, base) + text.charCodeAt(at)) | 0
    if (at < run - 1) continue
    slots[slotOf(hash)] = 1
    const same = places.get(hash) ?? []
    same.push(at - run + 1)
    places.set(hash, same)
  }
  return { slots, places }
}

/**
 * A text with `***` in the place of each run of 16 or more characters that a request holds too. `body` is the request's
 * JSON: what is escaped in it is read as what it means.
 *
 * It takes time in proportion to the body, of at most two million characters (some 10 ms), and is asked only when an
 * attempt has failed.
 */
export const withoutQuotations = (text: string, body: string): string => {
  if (text.length < run) return text
  const { places, slots } = runsOf(text)
  const quoted = new Uint8Array(text.length)
  const last = new Uint16Array(run)
  const scan = (from: number, to: number): void => {
    let hash = 0
    let count = 0
    for (let at = from; at < to; at++) {
      let code = body.charCodeAt(at)
      if (code === 92 && at + 1 < to) {
        at++
        const char = body[at]!
        if (char === "u") {
          code = Number.parseInt(body.slice(at + 1, at + 5), 16)
          at += 4
        } else code = escaped[char] ?? char.charCodeAt(0)
      }
      const place = count % run
      if (count >= run) hash = (hash - Math.imul(last[place]!, leading)) | 0
      hash = (Math.imul(hash, base) + code) | 0
      last[place] = code
      count++
      if (count < run || slots[slotOf(hash)] === 0) continue
      const begun = places.get(hash)
      if (begun === undefined) continue
      // What is masked is not looked for again: of `aaaa…` all runs are one, and each place of the body would meet all.
      const left = begun.filter((begin) => {
        for (let step = 0; step < run; step++) {
          if (text.charCodeAt(begin + step) !== last[(count + step) % run]) return true
        }
        quoted.fill(1, begin, begin + run)
        return false
      })
      if (left.length === 0) places.delete(hash)
      else if (left.length < begun.length) places.set(hash, left)
    }
  }
  if (body.length <= 2 * lookedAt) scan(0, body.length)
  else {
    scan(0, lookedAt)
    scan(body.length - lookedAt, body.length)
  }
  let out = ""
  for (let at = 0; at < text.length; at++) {
    if (quoted[at] === 0) out += text[at]!
    else if (at === 0 || quoted[at - 1] === 0) out += "***"
  }
  return out
}
