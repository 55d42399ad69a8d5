/**
 * What stands around each view: where one can go, how the relay is, who looks; the question before a change, and what was
 * said after it.
 */
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react"
import markUrl from "../mark.svg"
import { about } from "../relay/about.ts"
import { ThemeButton } from "../ThemeButton.tsx"
import type { Api, Reach } from "./Api.ts"
import { Audit } from "./audit/Audit.tsx"
import { Channels } from "./channels/Channels.tsx"
import { unitOf } from "./Credits.ts"
import { Errors } from "./errors/Errors.tsx"
import { Ledger } from "./ledger/Ledger.tsx"
import { Now } from "./now/Now.tsx"
import { useIssues } from "./now/useIssues.ts"
import { type Act, type Admin, AdminProvider } from "./part/Admin.ts"
import { Ask } from "./part/Ask.tsx"
import { Boundary } from "./part/Boundary.tsx"
import { type Said, Toasts } from "./part/Toasts.tsx"
import { useLoad, valueOf } from "./part/useLoad.ts"
import { Palette } from "./Palette.tsx"
import { hashOf, titles, usePlace, views } from "./Place.ts"
import { Request } from "./request/Request.tsx"
import { Settings } from "./settings/Settings.tsx"
import { Shortcuts, useShortcuts } from "./Shortcuts.tsx"
import { Streams } from "./streams/Streams.tsx"
import { Tokens } from "./tokens/Tokens.tsx"
import { useWho } from "./Who.ts"

const ReachPill = ({ reach }: { readonly reach: Reach }) => (
  <span className="pill" data-reach={reach === "down" ? "down" : "up"} role="status">
    <span className="dot" aria-hidden="true" />
    <span className={reach === "down" ? "" : "hidden"}>{reach === "down" ? "no answer" : "serving"}</span>
  </span>
)

/** The page around a view. */
export const Shell = ({
  api,
  leave,
  reach,
  token
}: {
  readonly api: Api
  readonly token: string | undefined
  readonly reach: Reach
  readonly leave: () => void
}) => {
  const place = usePlace()
  const who = useWho(api, token, reach)
  const { channels, issues } = useIssues(api)
  const [act, setAct] = useState<Act<unknown>>()
  const [said, setSaid] = useState<ReadonlyArray<Said>>([])
  const [open, setOpen] = useState<"palette" | "shortcuts">()
  const shortcuts = useShortcuts(setOpen)
  const count = useRef(0)

  // It takes a change of the file: once is enough.
  const [settings] = useLoad("unit", api.settings)
  const unit = useMemo(() => unitOf(valueOf(settings)?.data ?? []), [settings])
  const reloadChannels = channels[1]
  const tell = useCallback<Admin["tell"]>((text, undo, after) => {
    setSaid((all) => [...all.slice(-2), { id: ++count.current, text, undo, after }])
  }, [])
  const admin = useMemo<Admin>(
    () => ({
      api,
      permission: who.permission,
      unit,
      tell,
      // What an act gives is known to who asks for it; here it is only passed on.
      ask: (next) => setAct(next as Act<unknown>)
    }),
    [api, who.permission, unit, tell]
  )
  const closeAct = (done: boolean): void => {
    if (done && act !== undefined) {
      const refresh = (): void => {
        reloadChannels()
        act.refresh?.()
      }
      refresh()
      tell(act.told, act.undo, refresh)
    }
    setAct(undefined)
  }

  const main = useRef<HTMLElement>(null)
  const before = useRef(place.view)
  useEffect(() => {
    document.title = `${titles[place.view]} – ${about.name} admin`
    if (before.current === place.view) return
    before.current = place.view
    main.current?.focus({ preventScroll: true })
    globalThis.scrollTo(0, 0)
  }, [place.view])

  const wrong = issues.filter(({ level }) => level === "bad").length

  const view: ReactNode = (() => {
    switch (place.view) {
      case "now":
        return <Now channels={channels} issues={issues} />
      case "errors":
        return <Errors query={place.query} channels={valueOf(channels[0])?.data ?? []} />
      case "request":
        return <Request id={place.id} />
      case "streams":
        return <Streams />
      case "channels":
        return <Channels channels={channels} id={place.id} />
      case "tokens":
        return <Tokens own={token === undefined ? undefined : who.name} />
      case "ledger":
        return <Ledger query={place.query} />
      case "settings":
        return <Settings query={place.query} />
      case "audit":
        return <Audit />
    }
  })()

  return (
    <AdminProvider value={admin}>
      <div className="shell">
        <header className="side">
          <a
            className="skip"
            href={hashOf(place.view, place.id, place.query)}
            onClick={(event) => {
              event.preventDefault()
              main.current?.focus()
            }}
          >
            Skip to what is shown
          </a>
          <div className="side-head">
            <a className="brand" href="#/now">
              <img src={markUrl} alt="" width="22" height="22" />
              <span>{about.name}</span>
            </a>
            <ReachPill reach={reach} />
          </div>
          <button type="button" className="find" onClick={() => setOpen("palette")} aria-keyshortcuts="Control+K">
            <span>
              Find<span className="find-more"> or go to…</span>
            </span>
            <kbd>Ctrl K</kbd>
          </button>
          <nav className="side-nav" aria-label="Views">
            <ul>
              {views.map((view) => (
                <li key={view}>
                  <a href={hashOf(view)} aria-current={place.view === view ? "page" : undefined}>
                    {titles[view]}
                    {view === "now" && wrong > 0 ? (
                      <span className="badge">
                        {wrong}
                        <span className="hidden"> wrong</span>
                      </span>
                    ) : null}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <div className="side-foot">
            {who.name === undefined ? null : (
              <span className="who">
                {who.name}
                {who.permission._tag === "Reads" ? <span className="tag">viewer</span> : null}
              </span>
            )}
            <span className="side-buttons">
              {token === undefined ? null : (
                <button type="button" className="link" onClick={leave}>
                  Forget the token
                </button>
              )}
              <button
                type="button"
                className="icon-button"
                aria-label="Keyboard shortcuts"
                onClick={() => setOpen("shortcuts")}
              >
                ?
              </button>
              <ThemeButton />
            </span>
          </div>
        </header>
        <main className="view" ref={main} tabIndex={-1} aria-label={titles[place.view]}>
          {reach === "down" ? (
            <p className="banner" data-level="bad" role="alert">
              The relay does not answer. What is shown is from before; it is asked again by itself.
            </p>
          ) : null}
          {who.permission._tag === "Reads" ? (
            <p className="banner" data-level="note">
              {who.permission.why}
            </p>
          ) : null}
          <Boundary key={place.view}>{view}</Boundary>
        </main>
      </div>
      {act === undefined ? null : <Ask key={act.title} act={act} close={closeAct} />}
      {open === "palette" ? (
        <Palette channels={valueOf(channels[0])?.data ?? []} close={() => setOpen(undefined)} />
      ) : null}
      {open === "shortcuts" ? <Shortcuts {...shortcuts} close={() => setOpen(undefined)} /> : null}
      <Toasts all={said} tell={tell} close={(id) => setSaid((all) => all.filter((one) => one.id !== id))} />
    </AdminProvider>
  )
}
