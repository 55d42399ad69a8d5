/**
 * Work that is done a little at a time: so many pieces in a turn of the event loop, and the rest in the turns after it,
 * first come, first served. However many ask at once, who else is there is looked after in between.
 *
 * (What is handed to `setImmediate` by itself runs in one turn, all of it: five hundred readers who came at once were five
 * hundred pages in one go.)
 */

/** How many pieces are done in a turn. A page that is read and written takes some 0.15 ms. */
export const piecesATurn = 16

/**
 * Gives what takes pieces of work. What a piece throws goes where all goes that is thrown in a turn, and those behind it are
 * done all the same.
 */
export const makeFairTurns = (turn: (run: () => void) => void): ((piece: () => void) => void) => {
  let due: Array<() => void> = []
  let next = 0
  const work = (): void => {
    const end = Math.min(due.length, next + piecesATurn)
    try {
      while (next < end) due[next++]!()
    } finally {
      rest()
    }
  }
  const rest = (): void => {
    if (next < due.length) {
      // What is done is let go of now and then, and not piece by piece.
      if (next > 1024) {
        due = due.slice(next)
        next = 0
      }
      return turn(work)
    }
    due = []
    next = 0
  }
  return (piece) => {
    if (due.push(piece) === 1) turn(work)
  }
}
