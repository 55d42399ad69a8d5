// A Markdown table as the formatter writes it, for the pages that are made from the sources.
export const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ")

/** The first line is the head. */
export const table = (lines: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const row = (line: ReadonlyArray<string>): string =>
    `| ${line.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`
  const [head = [], ...rest] = lines
  return [row(head), row(widths.map((width) => "-".repeat(width))), ...rest.map(row)]
}
