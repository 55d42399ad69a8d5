/**
 * What was asked, over its answer: of a long question the first lines, and the rest when it is wanted, so that the answer and
 * the way to stop it are not pushed out of sight.
 */
import { useLayoutEffect, useRef, useState } from "react"

/** The question. */
export const Question = ({ text }: { readonly text: string }) => {
  const paragraph = useRef<HTMLParagraphElement>(null)
  const [isLong, setLong] = useState(false)
  const [isOpen, setOpen] = useState(false)
  useLayoutEffect(() => {
    setOpen(false)
    const measure = (): void => {
      const { clientHeight = 0, scrollHeight = 0 } = paragraph.current ?? {}
      // Open it is as high as it is: whether it is long was told when it was shut.
      setLong((before) => (paragraph.current?.dataset["open"] === "true" ? before : scrollHeight > clientHeight + 1))
    }
    const observer = new ResizeObserver(measure)
    if (paragraph.current !== null) observer.observe(paragraph.current)
    measure()
    return () => observer.disconnect()
  }, [text])
  return (
    <div className="question">
      <p ref={paragraph} data-open={isOpen}>
        {text}
      </p>
      {isLong ? (
        <button type="button" className="question-more" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? "Show less" : "Show all of it"}
        </button>
      ) : null}
    </div>
  )
}
