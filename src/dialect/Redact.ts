/** Stands in for `redactText` of the errors floor. */
export const redactText = (text: string): string =>
  text.replace(/\b(sk|pk|rk|key|api)[-_][A-Za-z0-9_-]{6,}/g, "***").replace(/https?:\/\/\S+/gi, "https://***")
