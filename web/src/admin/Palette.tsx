/**
 * Goes anywhere by a few letters: a view, a channel, or the id of a request that somebody has sent.
 */
import { type KeyboardEvent, useId, useMemo, useState } from "react"
import { Dialog } from "./part/Dialog.tsx"
import { go } from "./Place.ts"
import type { Channel } from "./channels/Channel.ts"
import { type Target, targetsOf } from "./targets.ts"

/** The window with its one line. */
export const Palette = ({
  channels,
  close
}: {
  readonly channels: ReadonlyArray<Channel>
  readonly close: () => void
}) => {
  const [text, setText] = useState("")
  const [at, setAt] = useState(0)
  const list = useId()
  const targets = useMemo(() => targetsOf(text, channels), [text, channels])
  const chosen = Math.min(at, targets.length - 1)
  const follow = (target: Target | undefined): void => {
    if (target === undefined) return
    close()
    go(target.hash)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    switch (event.key) {
      case "ArrowDown":
        event.preventDefault()
        return setAt((chosen + 1) % Math.max(1, targets.length))
      case "ArrowUp":
        event.preventDefault()
        return setAt((chosen - 1 + targets.length) % Math.max(1, targets.length))
      case "Enter":
        event.preventDefault()
        return follow(targets[chosen])
    }
  }
  return (
    <Dialog title="Find or go to" onClose={close}>
      <input
        className="palette-input"
        role="combobox"
        aria-label="A view, a channel, the id of a request, or words of an error"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={targets.length === 0 ? undefined : `${list}-${chosen}`}
        placeholder="A view, a channel, a request’s id, words of an error"
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          setAt(0)
        }}
        onKeyDown={onKeyDown}
      />
      <ul className="palette" role="listbox" id={list} aria-label="Where to go">
        {targets.map((target, index) => (
          <li
            key={target.hash + target.says}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === chosen}
            onPointerMove={() => setAt(index)}
            onClick={() => follow(target)}
          >
            <span className="palette-title">{target.title}</span>
            <span className="quiet">{target.says}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  )
}
