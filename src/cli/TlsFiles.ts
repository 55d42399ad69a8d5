/**
 * The files that `tls` of a channel names: read when the configuration is, so that one that is missing or no
 * certificate is a fault by its path, and nobody finds it out by an answer that fails.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import { resolve } from "node:path"
import { Result } from "effect"
import type { NamedFiles } from "../settings/index.ts"
import { readFault } from "./ConfigurationFile.ts"

/** The text of PEM that was written, or that is in the file that was. `folder`: where paths begin. */
export const readPem = (written: string, folder: string, files: NamedFiles): Result.Result<string, string> =>
  written.includes("-----BEGIN ")
    ? Result.succeed(written)
    : Result.mapError(
        files.read(written),
        // What was written is not told: it may be a key that has lost its first line.
        (error) =>
          `expected the path of a PEM file, or its text: ${readFault(error)} (paths begin in ${resolve(folder)})`
      )

const certificates =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | undefined)?.code

const certificatesOf = (pem: string): Result.Result<ReadonlyArray<X509Certificate>, string> => {
  const found = pem.match(certificates) ?? []
  if (found.length === 0) return Result.fail("expected certificates in PEM, and there is none")
  return Result.try({
    try: () => found.map((one) => new X509Certificate(one)),
    catch: () => "expected certificates in PEM, and one cannot be read"
  })
}

const keyOf = (pem: string): Result.Result<KeyObject, string> =>
  Result.try({
    try: () => createPrivateKey(pem),
    catch: (error) =>
      codeOf(error) === "ERR_MISSING_PASSPHRASE" || pem.includes("ENCRYPTED")
        ? "expected a private key without a passphrase"
        : "expected a private key in PEM"
  })

/** What `tls` says, read. */
export interface TlsTexts {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** What is wrong with certificates and keys, by the part that it is in. */
export const tlsFaults = ({
  ca,
  cert,
  key
}: TlsTexts): ReadonlyArray<readonly [part: keyof TlsTexts, message: string]> => {
  const faults: Array<readonly [keyof TlsTexts, string]> = []
  const read = <A>(part: keyof TlsTexts, result: Result.Result<A, string>): A | undefined => {
    if (Result.isFailure(result)) faults.push([part, result.failure])
    return Result.getOrUndefined(result)
  }
  if (ca !== undefined) read("ca", certificatesOf(ca))
  const shown = cert === undefined ? undefined : read("cert", certificatesOf(cert))?.[0]
  const own = key === undefined ? undefined : read("key", keyOf(key))
  if (shown !== undefined && own !== undefined && !shown.checkPrivateKey(own)) {
    faults.push(["key", "expected the private key of cert, got another's"])
  }
  return faults
}
