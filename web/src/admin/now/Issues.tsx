/**
 * The list of what is wrong, with what can be done about each thing.
 */
import { switching } from "../channels/acts.tsx"
import { ago, moment } from "../Format.ts"
import { useAdmin } from "../part/Admin.ts"
import { ChangeButton } from "../part/Button.tsx"
import { useNow } from "../part/useLoad.ts"
import type { Issue } from "./issues.ts"

const words = { bad: "Wrong", warn: "Watch", note: "By hand" } as const

/** The list; or that all is well. */
export const Issues = ({ issues, reload }: { readonly issues: ReadonlyArray<Issue>; readonly reload: () => void }) => {
  const { api, ask } = useAdmin()
  const now = useNow()
  const bad = issues.filter(({ level }) => level === "bad").length
  const warn = issues.filter(({ level }) => level === "warn").length
  return (
    <section className="issues" aria-label="What is wrong now">
      <h2 className="issues-head" data-level={bad > 0 ? "bad" : warn > 0 ? "warn" : "good"}>
        <span className="dot" aria-hidden="true" />
        {bad === 0 ? "Nothing is wrong" : bad === 1 ? "One thing is wrong" : `${bad} things are wrong`}
        {warn === 0 ? null : <span className="issues-watch">{warn} to watch</span>}
      </h2>
      {issues.length === 0 ? null : (
        <ul>
          {issues.map((issue) => (
            <li key={issue.id} className="issue" data-level={issue.level}>
              <span className="level" data-level={issue.level}>
                {words[issue.level]}
              </span>
              <div className="issue-text">
                <a className="issue-title" href={issue.hash}>
                  {issue.title}
                </a>
                <p>
                  {issue.says}
                  {issue.evidence === undefined ? null : <span className="evidence"> {issue.evidence}</span>}
                </p>
              </div>
              <span className="issue-until" title={issue.until === undefined ? undefined : moment(issue.until)}>
                {issue.until === undefined
                  ? ""
                  : issue.until > now
                    ? `tried again ${ago(issue.until, now)}`
                    : "due now"}
              </span>
              {issue.channel === undefined || !issue.isOff ? null : (
                <ChangeButton
                  label={`Enable ${issue.key === undefined ? issue.channel : `key ${issue.key} of ${issue.channel}`}`}
                  onClick={() => {
                    if (issue.channel !== undefined) ask(switching(api, issue.channel, issue.key, true, reload))
                  }}
                >
                  Enable
                </ChangeButton>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
