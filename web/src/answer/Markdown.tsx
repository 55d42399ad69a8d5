/**
 * An answer as Markdown, with the seams in it. What a model writes is never HTML here: what looks like it is text, links
 * open elsewhere and only where they lead to the web, pictures are not loaded.
 */
import { createContext, memo, useContext } from "react"
import Markdown, { type Components, type ExtraProps } from "react-markdown"
import remarkGfm from "remark-gfm"
import type { Seam } from "./run.ts"
import { placeSeams, seamTag } from "./seamsInTree.ts"
import { SeamMark } from "./Seam.tsx"

interface Seams {
  readonly seams: ReadonlyArray<Seam>
  readonly color: (channel: string) => number
}

/** What the marks show: they are made by the parser, which knows their places only. */
const SeamsContext = createContext<Seams>({ seams: [], color: () => 0 })

const Mark = ({ node }: ExtraProps) => {
  const { color, seams } = useContext(SeamsContext)
  const at = node?.properties[seamTag]
  const seam = typeof at === "number" ? seams[at] : undefined
  return seam === undefined ? null : <SeamMark seam={seam} color={color} />
}

/** Made once: with components of another identity React would build the text anew at each word, and lose the focus in it. */
const components: Components = {
  a: ({ children, href }) => (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  ),
  img: ({ alt }) => <span className="picture">{alt ?? "a picture"}</span>,
  table: ({ children }) => (
    <div className="scrolls" tabIndex={0} role="region" aria-label="A table">
      <table>{children}</table>
    </div>
  ),
  pre: ({ children }) => <pre tabIndex={0}>{children}</pre>,
  mark: Mark
}

const plugins = [remarkGfm]

/** Drawn anew where the text has grown, or a seam has come. */
export const AnswerText = memo(({ color, seams, text }: Seams & { readonly text: string }) => (
  <SeamsContext value={{ seams, color }}>
    <Markdown
      remarkPlugins={plugins}
      rehypePlugins={[[placeSeams, { offsets: offsetsIn(text, seams) }]]}
      components={components}
    >
      {text}
    </Markdown>
  </SeamsContext>
))

/** A seam stands where it stands, however long the text grows: it is counted once, and not at each word. */
const places = new WeakMap<Seam, number>()

/** The seams' places in UTF-16, as parsers count. */
const offsetsIn = (text: string, seams: ReadonlyArray<Seam>): ReadonlyArray<number> =>
  seams.map((seam) => {
    const known = places.get(seam)
    if (known !== undefined) return known
    let units = 0
    let points = 0
    for (; points < seam.offset && units < text.length; points++) units += text.codePointAt(units)! > 0xffff ? 2 : 1
    if (points === seam.offset) places.set(seam, units)
    return units
  })
