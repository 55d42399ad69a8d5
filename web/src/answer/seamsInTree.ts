/**
 * Puts marks into a tree of HTML, at places of the Markdown that it was made of. Pure, but that it changes the tree that it
 * is given, as its plugins do.
 */
import type { Element, ElementContent, Root, RootContent, Text } from "hast"

/** The property of a mark that says which it is. */
export const seamTag = "dataSeam"

const markOf = (index: number): Element => ({
  type: "element",
  tagName: "mark",
  properties: { [seamTag]: index },
  children: []
})

interface Waiting {
  readonly offset: number
  readonly index: number
}

const isText = (node: RootContent | ElementContent): node is Text => node.type === "text"

/** A text, cut at the marks that belong into it; `waiting` loses them. */
const cut = (text: Text, waiting: Array<Waiting>): Array<ElementContent> => {
  const start = text.position?.start.offset
  const end = text.position?.end.offset
  if (start === undefined || end === undefined) return [text]
  const parts: Array<ElementContent> = []
  let taken = 0
  while (waiting[0] !== undefined && waiting[0].offset < end) {
    const { index, offset } = waiting.shift()!
    // What was escaped in the Markdown is shorter here: then the mark stands a letter beside its place.
    const at = Math.min(text.value.length, Math.max(taken, offset - start))
    if (at > taken) parts.push({ type: "text", value: text.value.slice(taken, at) })
    parts.push(markOf(index))
    taken = at
  }
  if (taken < text.value.length) parts.push({ ...text, value: text.value.slice(taken) })
  return parts
}

/**
 * A plugin of rehype: the mark of each place goes into the text that holds it, or before the first text behind it; the ones
 * that no text follows stand at the end.
 */
export const placeSeams =
  ({ offsets }: { readonly offsets: ReadonlyArray<number> }) =>
  (tree: Root): void => {
    const waiting = offsets.map((offset, index): Waiting => ({ offset, index })).sort((a, b) => a.offset - b.offset)
    if (waiting.length === 0) return
    const visit = (parent: Root | Element): void => {
      parent.children = parent.children.flatMap((child): Array<RootContent & ElementContent> => {
        if (isText(child)) return cut(child, waiting) as Array<RootContent & ElementContent>
        if (child.type === "element") visit(child)
        return [child as RootContent & ElementContent]
      })
    }
    visit(tree)
    const left = waiting.splice(0).map(({ index }) => markOf(index))
    if (left.length === 0) return
    const last = tree.children.findLast((child) => child.type === "element")
    ;(last ?? tree).children.push(...left)
  }
