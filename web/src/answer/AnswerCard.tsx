/**
 * The answer: its words as they come, what was thought before them, where they were joined, and what is wrong with it if it
 * is not whole.
 */
import { lazy, Suspense, useEffect, useRef, useState } from "react"
import { isDemo } from "../relay/about.ts"
import { expectedAnswer } from "../relay/demo.ts"
import { wire } from "../relay/wire.ts"
import { compare, type Proof } from "./proof.ts"
import { ProofLine } from "./ProofLine.tsx"
import { Question } from "./Question.tsx"
import { isAway, type Run } from "./run.ts"
import { settle } from "./settle.ts"
import type { Answering } from "./useAnswer.ts"
import { awayWords, counted, duration, titleOf } from "./words.ts"

// The parser of Markdown is half of the page: the words are there before it is.
const AnswerText = lazy(() => import("./Markdown.tsx").then(({ AnswerText }) => ({ default: AnswerText })))

const Copy = ({ text }: { readonly text: string }) => {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 1500)
    return () => clearTimeout(timer)
  }, [copied])
  return (
    <button
      type="button"
      className="copy"
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
    >
      <code>{text}</code>
      <span>{copied ? "Copied" : "Copy"}</span>
    </button>
  )
}

/** What was to be read, from who writes it; where nobody can tell, from the relay's own end. */
const useProof = (run: Run | undefined, text: string, token: unknown): Proof | undefined => {
  const [proof, setProof] = useState<Proof>()
  const whole = run?.outcome === "whole"
  useEffect(() => {
    setProof(undefined)
    if (!whole || run === undefined) return
    let over = false
    const kept = Array.from(text).slice(0, run.base).join("")
    const expected = isDemo ? expectedAnswer(run.question) : Promise.resolve(kept + (run.fullContent ?? ""))
    expected.then(
      (expected) => void (over || setProof(compare(expected, text))),
      () => {}
    )
    return () => {
      over = true
    }
    // The text is whole when the run is.
  }, [whole, run?.startedAt, token])
  return proof
}

const Reconnecting = ({
  info,
  words: { then, why }
}: {
  readonly info: NonNullable<Answering["retryInfo"]>
  readonly words: ReturnType<typeof awayWords>
}) => (
  <p className="reconnecting">
    <span className="spinner" aria-hidden="true" /> {why}{" "}
    {info.remaining > 0 ? (
      <>
        Asking again in <b>{info.remaining} s</b>
      </>
    ) : (
      "Asking again"
    )}{" "}
    <span className="quiet">
      (try {info.attempt} of {info.maxRetries}). {then}
    </span>
  </p>
)

const statusOf = (run: Run, text: string): string => {
  switch (run.outcome) {
    case "waiting":
      return "Waiting for the first word"
    case "writing":
      return "Writing"
    case "whole":
      return `Whole: ${counted(Array.from(text).length, "character")}, ${counted(run.seams.length, "seam")}, ${duration((run.endedAt ?? 0) - run.startedAt)}`
    case "stopped":
      return "Stopped"
    case "failed":
      return text === "" ? "No answer" : "Broken off"
  }
}

/** What a screen reader is told: what happens, not each word. */
const spoken = (run: Run, reconnecting: boolean): string =>
  reconnecting
    ? "The connection is gone. Coming back."
    : run.outcome === "writing" && run.seams.length > 0
      ? `${run.seams.at(-1)?.to ?? "Another channel"} goes on.`
      : run.outcome === "whole"
        ? "The answer is whole."
        : run.outcome === "waiting" || run.outcome === "writing"
          ? "The answer is being written."
          : "The answer has ended."

/** The card. */
export const AnswerCard = ({
  answering,
  color,
  token
}: {
  readonly answering: Answering
  readonly color: (channel: string) => number
  readonly token: string | undefined
}) => {
  const { error, goOn, halt, isStreaming, reasoning, retryInfo, run, text } = answering
  const proof = useProof(run, text, token)
  const card = useRef<HTMLElement>(null)
  useEffect(() => {
    // In a small window a new answer begins below what is seen.
    const top = card.current?.getBoundingClientRect().top ?? 0
    if (top <= innerHeight * 0.7) return
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches
    card.current?.scrollIntoView({ block: "start", behavior: isStill ? "auto" : "smooth" })
  }, [run?.startedAt])
  if (run === undefined) return null
  const away = isAway(run)
  const partial = !isStreaming && text !== "" && run.outcome !== "whole"
  const requestId = run.requestId ?? wire.lastAnswer()?.headers.get("x-request-id") ?? undefined
  return (
    <article
      ref={card}
      className="card answer"
      data-outcome={run.outcome}
      data-partial={partial}
      aria-busy={isStreaming}
      aria-label="The answer"
    >
      <header className="answer-head">
        <Question text={run.question} />
        <span className="status" data-outcome={away ? "lost" : run.outcome}>
          <span className="dot" aria-hidden="true" />
          {away ? "Reconnecting" : statusOf(run, text)}
        </span>
        {/* In a small window the question is out of sight, and its button with it. */}
        {isStreaming ? (
          <button type="button" className="button small stop" onClick={halt}>
            Stop
          </button>
        ) : null}
      </header>
      <p className="hidden" role="status">
        {spoken(run, away)}
      </p>
      {reasoning === "" ? null : (
        <details className="reasoning">
          <summary>
            {text === "" && isStreaming ? "Thinking" : "What it thought"}
            <span className="quiet"> · {counted(reasoning.split(/\s+/).length, "word")}</span>
          </summary>
          <p>{reasoning}</p>
        </details>
      )}
      <div className="text" data-writing={isStreaming && !away}>
        {text === "" ? (
          isStreaming ? (
            <div className="skeleton" aria-hidden="true">
              <span />
              <span />
              <span />
            </div>
          ) : null
        ) : (
          <Suspense fallback={<p className="plain">{text}</p>}>
            <AnswerText text={isStreaming ? settle(text) : text} seams={run.seams} color={color} />
          </Suspense>
        )}
      </div>
      {retryInfo === null ? null : (
        <Reconnecting info={retryInfo} words={awayWords(run.gaps.at(-1)?.why ?? "", run.events > 0)} />
      )}
      {isStreaming || error === null ? null : (
        <div className="error" role="alert">
          <p className="error-title">{titleOf(error)}</p>
          <p>{error.message}</p>
          <p className="error-ids">
            {error.code === undefined ? null : <code className="code">{error.code}</code>}
            {requestId === undefined ? null : (
              <span className="error-id">
                request <Copy text={requestId} />
              </span>
            )}
          </p>
        </div>
      )}
      {partial ? (
        <footer className="partial">
          <p>
            <b>This is a part.</b> {counted(Array.from(text).length, "character")} came before it ended.
          </p>
          <button type="button" className="button" onClick={goOn}>
            Try again from here
          </button>
        </footer>
      ) : null}
      {proof === undefined ? null : <ProofLine proof={proof} />}
    </article>
  )
}
