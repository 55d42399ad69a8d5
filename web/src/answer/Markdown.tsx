/**
 * An answer as Markdown, with the seams in it. What a model writes is never HTML here: what looks like it is text, links
 * open elsewhere and only where they lead to the web, pictures are not loaded.
 */
import { Fragment, memo, type ReactNode } from "react"
import Markdown, { type Components } from "react-markdown"
import remarkGfm from "remark-gfm"
import type { Seam } from "./run.ts"
import { placeSeams, seamTag } from "./seamsInTree.ts"
import { SeamMark } from "./Seam.tsx"

interface Props {
  readonly text: string
  readonly seams: ReadonlyArray<Seam>
  readonly color: (channel: string) => number
}

const plugins = [remarkGfm]

const Link = ({ children, href }: { readonly children?: ReactNode; readonly href?: string | undefined }) => (
  <a href={href} target="_blank" rel="noopener noreferrer">
    {children}
  </a>
)

const NoPicture = ({ alt }: { readonly alt?: string | undefined }) => (
  <span className="picture">{alt ?? "a picture"}</span>
)

/** Drawn anew where the text has grown, or a seam has come. */
export const AnswerText = memo(({ color, seams, text }: Props) => {
  const components: Components = {
    a: ({ children, href }) => <Link href={href}>{children}</Link>,
    img: ({ alt }) => <NoPicture alt={alt} />,
    table: ({ children }) => (
      <div className="scrolls" tabIndex={0} role="region" aria-label="A table">
        <table>{children}</table>
      </div>
    ),
    pre: ({ children }) => <pre tabIndex={0}>{children}</pre>,
    mark: ({ node, children }) => {
      const at = node?.properties[seamTag]
      const seam = typeof at === "number" ? seams[at] : undefined
      return seam === undefined ? <Fragment>{children}</Fragment> : <SeamMark seam={seam} color={color} />
    }
  }
  return (
    <Markdown
      remarkPlugins={plugins}
      rehypePlugins={[[placeSeams, { offsets: offsetsIn(text, seams) }]]}
      components={components}
    >
      {text}
    </Markdown>
  )
})

/** The seams' places in UTF-16, as parsers count. */
const offsetsIn = (text: string, seams: ReadonlyArray<Seam>): ReadonlyArray<number> => {
  if (seams.length === 0) return []
  const points = Array.from(text)
  return seams.map(({ offset }) => points.slice(0, offset).join("").length)
}
