/**
 * The line that proves an answer: how many characters were to come, how many came, and that none is missing or there twice.
 */
import { isWhole, type Proof } from "./proof.ts"

/** One line of figures. */
export const ProofLine = ({ proof, more }: { readonly proof: Proof; readonly more?: string | undefined }) => (
  <p className="proof" data-whole={isWhole(proof)}>
    <span className="proof-mark" aria-hidden="true">
      {isWhole(proof) ? "✓" : "✗"}
    </span>
    <span>
      <b>{proof.expected}</b> <span className="unit-word">characters </span>expected
    </span>
    <span>
      <b>{proof.received}</b> received
    </span>
    <span>
      <b>{proof.lost}</b> lost
    </span>
    <span>
      <b>{proof.doubled}</b> doubled
    </span>
    {more === undefined ? null : <span>{more}</span>}
  </p>
)
