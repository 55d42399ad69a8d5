/**
 * What the relay has written into the page: its name, whether it asks for tokens, and which routes stand beside its own.
 */

/** What the page is told. */
export interface About {
  readonly name: string
  readonly tokens: boolean
  /** The paths of the program's own routes. */
  readonly own: ReadonlyArray<string>
}

const unknown: About = { name: "effect-resilience", tokens: false, own: [] }

const read = (): About => {
  const text = document.querySelector<HTMLMetaElement>('meta[name="relay"]')?.content ?? ""
  // It is there only on a page that a relay serves.
  return text === "" ? unknown : { ...unknown, ...(JSON.parse(text) as Partial<About>) }
}

/** What this page was told. */
export const about: About = read()

/** Whether the channels are simulated, and can be broken from here. */
export const isDemo: boolean = about.own.some((path) => path.startsWith("/demo/"))
