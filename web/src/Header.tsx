/**
 * The head of the page: whose it is, how it is, and whether it is to be light or dark.
 */
import markUrl from "./mark.svg"
import { about } from "./relay/about.ts"
import type { Room } from "./room/useRoom.ts"
import { ThemeButton } from "./ThemeButton.tsx"

/** The head. */
export const Header = ({ room }: { readonly room: Room }) => (
  <header className="top">
    <a className="brand" href="/">
      <img src={markUrl} alt="" width="26" height="26" />
      <span>{about.name}</span>
    </a>
    <span className="pill" data-reach={room.reach}>
      <span className="dot" aria-hidden="true" />
      {room.reach === "down" ? "relay gone" : room.reach === "unknown" ? "relay" : "relay serving"}
    </span>
    <nav aria-label="More">
      <a href="/health/ready">Health</a>
      {about.tokens ? null : <a href="/metrics">Metrics</a>}
    </nav>
    <ThemeButton />
  </header>
)
