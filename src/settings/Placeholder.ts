/**
 * Texts that stand where somebody meant a secret to stand.
 */

/** Names where values should be, as shells, templates, examples and other gateways write them. */
const unfilled = [
  /^\$[A-Z_][A-Z0-9_]*$/,
  /^\$\(\S*\)$/,
  /^%[A-Za-z_]\w*%$/,
  /^\{\{?[\w.-]*\}?\}$/,
  /^<\S*>$/,
  /^(?:os\.environ\/|process\.env\.|env[:.])\w+$/i,
  /^(?:your|insert|replace)[-_](?:[a-z0-9]+[-_])*(?:key|token|secret)(?:[-_]here)?$/i,
  /^(?:\w+-)*\.{3}$/
]

/**
 * Whether a text is a placeholder for a secret: `$KEY`, `{{KEY}}`, `<your-key>`, `os.environ/KEY`, `YOUR_API_KEY`,
 * `sk-...`. It would be sent as it is.
 */
export const isPlaceholder = (value: string): boolean => unfilled.some((shape) => shape.test(value))
