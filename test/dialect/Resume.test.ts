import { describe, it } from "vitest"
import { clientDialects } from "#src/dialect/index"
import { checkResume } from "./resume.ts"
import { shareOfRuns } from "../support/share.ts"

describe("an answer that is taken up at any cut goes on as if it had not been put down", () => {
  for (const client of Object.values(clientDialects)) {
    it(client.name, () => checkResume(client, shareOfRuns(400)))
  }
})
