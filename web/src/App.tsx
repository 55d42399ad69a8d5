/**
 * The page: an answer and its proof on one side, what stands behind it on the other.
 */
import { useCallback, useEffect, useRef, useState } from "react"
import { AnswerCard } from "./answer/AnswerCard.tsx"
import { Composer } from "./answer/Composer.tsx"
import { isAway } from "./answer/run.ts"
import { Timeline } from "./answer/Timeline.tsx"
import { useAnswer } from "./answer/useAnswer.ts"
import { Header } from "./Header.tsx"
import { about, isDemo } from "./relay/about.ts"
import { useToken } from "./relay/token.ts"
import { MachineRoom } from "./room/MachineRoom.tsx"
import { type Room, useRoom } from "./room/useRoom.ts"
import { TokenGate } from "./TokenGate.tsx"
import { Tour } from "./tour/Tour.tsx"

/** A colour for each channel, by its place among those that were seen. */
const useColors = (room: Room): ((channel: string) => number) => {
  const seen = useRef<Array<string>>([])
  const known = room.demo?.channels.map(({ id }) => id) ?? room.figures?.channels.map(({ id }) => id).sort() ?? []
  for (const id of known) if (!seen.current.includes(id)) seen.current.push(id)
  return useCallback((channel) => {
    const at = seen.current.indexOf(channel)
    return at < 0 ? 5 : at % 5
  }, [])
}

/** Who is asked first is said by no event: it is the one that was asked once more since. */
const useFirstAsked = (room: Room, startedAt: number | undefined): string | undefined => {
  const before = useRef<{ readonly at: number | undefined; readonly asked: ReadonlyMap<string, number> }>({
    at: undefined,
    asked: new Map()
  })
  const latest = useRef<ReadonlyMap<string, number>>(new Map())
  const asked = new Map(
    room.demo?.channels.map(({ asked, id }) => [id, asked]) ??
      room.figures?.channels.map(({ attempts, id }) => [id, attempts])
  )
  if (before.current.at !== startedAt) before.current = { at: startedAt, asked: latest.current }
  latest.current = asked
  const more = [...asked].filter(([id, count]) => count > (before.current.asked.get(id) ?? count))
  return more.length === 1 ? more[0]?.[0] : undefined
}

const Hero = () => (
  <section className="hero">
    <h1>
      One whole answer, <em>whatever breaks</em>.
    </h1>
    <p>
      {isDemo
        ? "A relay writes each word down before it shows it. So a model may break off, your network may drop, and the relay itself may be killed: you still read one answer, each word once. See for yourself."
        : "A relay writes each word down before it shows it. When a channel breaks off, another goes on; when you are cut off, you come back to the very letter."}
    </p>
  </section>
)

/** All of it. */
export const App = () => {
  const [token, setToken] = useToken()
  const [model, setModel] = useState("")
  const allowed = !about.tokens || token !== undefined
  const answering = useAnswer(token)
  const room = useRoom(token, allowed)
  const color = useColors(room)
  const { run, store } = answering
  const first = useFirstAsked(room, run?.startedAt)
  useEffect(() => {
    if (first !== undefined) store.tell({ _tag: "Named", channel: first })
  }, [first, run?.startedAt, store])

  return (
    <>
      <Header room={room} />
      <main className="stage">
        <div className="main">
          <Hero />
          {allowed ? (
            <>
              {isDemo ? <Tour answering={answering} /> : null}
              <Composer
                ask={(message) => answering.ask({ message, model })}
                busy={answering.isStreaming}
                stop={answering.halt}
                model={model}
                setModel={setModel}
                token={token}
                setToken={setToken}
                withTokens={about.tokens}
              />
              <AnswerCard answering={answering} color={color} token={token} />
              {run === undefined ? null : (
                <section className="card attempts">
                  <div className="attempts-head">
                    <h2>Attempts</h2>
                    <ul className="legend" aria-hidden="true">
                      <li className="asked">asked</li>
                      <li className="speaks">speaks</li>
                      <li className="broken">broke</li>
                      {run.gaps.length === 0 ? null : <li className="away">you were away</li>}
                    </ul>
                  </div>
                  <Timeline run={run} color={color} />
                </section>
              )}
            </>
          ) : (
            <TokenGate setToken={setToken} />
          )}
        </div>
        {allowed ? (
          <MachineRoom room={room} run={run} lost={run !== undefined && isAway(run)} store={store} color={color} />
        ) : null}
      </main>
    </>
  )
}
