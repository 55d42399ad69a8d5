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
  useLayoutEffect(() => setOpen(false), [text])
  useLayoutEffect(() => {
    const shown = paragraph.current
    // Open it is as high as it is: whether it is long is told when it is shut.
    if (shown === null || isOpen) return
    const measure = (): void => setLong(shown.scrollHeight > shown.clientHeight + 1)
    const observer = new ResizeObserver(measure)
    observer.observe(shown)
    measure()
    return () => observer.disconnect()
  }, [text, isOpen])
  return (
    <div className="question">
      <p ref={paragraph} data-open={isOpen}>
        {text}
      </p>
      {isLong ? (
        <button type="button" className="question-more" onClick={() => setOpen(!isOpen)}>
          {isOpen ? "Show less" : "Show all of it"}
        </button>
      ) : null}
    </div>
  )
}
