/**
 * The four steps as cards: what each breaks, a button, and the line of proof that it ends in.
 */
import { useCallback, useEffect, useRef, useState } from "react"
import type { Answering } from "../answer/useAnswer.ts"
import { ProofLine } from "../answer/ProofLine.tsx"
import { type Shown, type Step, steps } from "./steps.ts"

type Progress =
  | { readonly _tag: "Running"; readonly words: string }
  | { readonly _tag: "Shown"; readonly shown: Shown }
  | { readonly _tag: "Failed"; readonly why: string }

const StepCard = ({
  busy,
  next,
  number,
  progress,
  start,
  step
}: {
  readonly step: Step
  readonly number: number
  readonly progress: Progress | undefined
  readonly busy: boolean
  readonly next: boolean
  readonly start: () => void
}) => (
  <li className="step" data-step={step.id} data-state={progress?._tag ?? (next ? "Next" : "Waiting")}>
    <div className="step-head">
      <span className="step-number" aria-hidden="true">
        {progress?._tag === "Shown" ? "✓" : number}
      </span>
      <h3>{step.title}</h3>
      {progress?._tag === "Shown" ? (
        <button type="button" className="again" disabled={busy} aria-label={`${step.title}, again`} onClick={start}>
          ↻
        </button>
      ) : null}
    </div>
    <p className="quiet">{step.tells}</p>
    <div className="step-foot">
      {progress?._tag === "Running" ? (
        <p className="step-now" role="status">
          <span className="spinner" aria-hidden="true" /> {progress.words}
        </p>
      ) : (
        <>
          {progress?._tag === "Failed" ? <p className="step-failed">{progress.why}</p> : null}
          {progress?._tag === "Shown" ? (
            <ProofLine proof={progress.shown.proof} more={progress.shown.more} />
          ) : (
            <button type="button" className="button small" data-next={next} disabled={busy} onClick={start}>
              {progress === undefined ? step.button : "Again"}
            </button>
          )}
        </>
      )}
    </div>
  </li>
)

/** The tour. */
export const Tour = ({ answering }: { readonly answering: Answering }) => {
  const [progress, setProgress] = useState<{ readonly [id: string]: Progress }>({})
  const { ask, isStreaming, store, text } = answering
  const shown = useRef(text)
  useEffect(() => {
    shown.current = text
  }, [text])
  const running = Object.values(progress).some(({ _tag }) => _tag === "Running")

  const start = useCallback(
    async (step: Step): Promise<void> => {
      const tell = (now: Progress): void => setProgress((all) => ({ ...all, [step.id]: now }))
      tell({ _tag: "Running", words: "The channels are mended" })
      try {
        const result = await step.run({
          ask: (question) => ask({ message: question, model: "" }),
          until: store.until,
          text: () => shown.current,
          say: (words) => tell({ _tag: "Running", words })
        })
        tell({ _tag: "Shown", shown: result })
      } catch (error) {
        tell({ _tag: "Failed", why: error instanceof Error ? error.message : String(error) })
      }
    },
    [ask, store]
  )
  const nextStep = steps.find(({ id }) => progress[id]?._tag !== "Shown")?.id
  return (
    <section className="tour" aria-labelledby="tour-title">
      <h2 id="tour-title" className="hidden">
        A tour of four clicks
      </h2>
      <ol>
        {steps.map((step, index) => (
          <StepCard
            key={step.id}
            step={step}
            number={index + 1}
            progress={progress[step.id]}
            busy={running || isStreaming}
            next={step.id === nextStep}
            start={() => void start(step)}
          />
        ))}
      </ol>
    </section>
  )
}
