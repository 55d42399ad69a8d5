/**
 * The page at `/admin`: asks for a token where the relay asks for one, and then shows the relay to who may see it.
 */
import { useCallback, useEffect, useMemo, useRef, useState } from "react"
import { about } from "../relay/about.ts"
import { useToken } from "../relay/token.ts"
import { TokenField, useTokenForm } from "../TokenField.tsx"
import { makeApi, type Reach } from "./Api.ts"
import { Shell } from "./Shell.tsx"

const refusals = {
  unauthorized: "The relay does not know this token. It may be wrong, switched off or expired.",
  forbidden: "This token may not look here. It takes one with admin: true, or with viewer: true."
} as const

/** Why a token was not taken. */
type Refusal = keyof typeof refusals

const Gate = ({
  refusal,
  setToken
}: {
  readonly refusal: Refusal | undefined
  readonly setToken: (token: string) => void
}) => {
  const { setText, submit, text } = useTokenForm(setToken)
  return (
    <main className="gate-page">
      <form className="card gate" onSubmit={submit}>
        <h1>{about.name}</h1>
        <p className="quiet">
          An admin’s token, or a viewer’s. It is sent to this relay only, and forgotten when you close the window.
        </p>
        {refusal === undefined ? null : (
          <p className="gate-refusal" role="alert">
            {refusals[refusal]}
          </p>
        )}
        <TokenField text={text} setText={setText} focused />
      </form>
    </main>
  )
}

/** All of it. */
export const AdminPage = () => {
  const [token, setToken] = useToken()
  const [refusal, setRefusal] = useState<Refusal>()
  const [reach, setReach] = useState<Reach>("up")
  // The page was told whether there are tokens when it was loaded; the first one may have been made since.
  const [isAsked, setAsked] = useState(about.tokens)
  const asked = useRef(token)
  asked.current = token
  const onReach = useCallback(
    (of: string | undefined, next: Reach) => {
      // What was asked with another token says nothing of this one.
      if (of !== asked.current) return
      setReach(next)
      if (next !== "unauthorized" && next !== "forbidden") return
      setAsked(true)
      setRefusal(of === undefined ? undefined : next)
      setToken(undefined)
    },
    [setToken]
  )
  const api = useMemo(() => makeApi({ token, onReach: (next) => onReach(token, next) }), [token, onReach])
  useEffect(() => {
    document.title = `${about.name} admin`
  }, [])
  if (isAsked && token === undefined) {
    return (
      <Gate
        refusal={refusal}
        setToken={(next) => {
          setRefusal(undefined)
          setReach("up")
          setToken(next)
        }}
      />
    )
  }
  return (
    <Shell
      key={token ?? ""}
      api={api}
      token={token}
      reach={reach}
      leave={() => {
        setRefusal(undefined)
        setToken(undefined)
      }}
    />
  )
}
