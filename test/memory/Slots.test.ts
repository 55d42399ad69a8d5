/**
 * Slots hold what a set would, whatever comes and goes, also while all are told.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Slots, type Slotted } from "#src/memory/Slots"

interface Member extends Slotted {
  readonly name: number
}

const step = fc.record({ name: fc.integer({ min: 0, max: 9 }), comes: fc.boolean() })
const steps = fc.array(step, { maxLength: 40 })

describe("slots", () => {
  it("have the members that a set would have, and tell each that is there from first to last", () =>
    fc.assert(
      fc.property(steps, steps, (before, within) => {
        const slots = new Slots<Member>()
        const set = new Set<Member>()
        const members = Array.from({ length: 10 }, (_, name): Member => ({ name, slot: undefined }))
        const take = ({ comes, name }: { readonly name: number; readonly comes: boolean }): void => {
          const member = members[name]!
          if (!comes) {
            slots.delete(member)
            set.delete(member)
          } else if (!set.has(member)) {
            slots.add(member)
            set.add(member)
          }
        }
        before.forEach(take)
        assert.strictEqual(slots.size, set.size)
        assert.sameMembers([...slots.all()], [...set])
        const stayed = new Set(set)
        const told = new Set<Member>()
        let next = 0
        slots.each((member) => {
          told.add(member)
          for (const step of within.slice(next, (next += 3))) {
            take(step)
            if (!step.comes) stayed.delete(members[step.name]!)
          }
        })
        for (const member of stayed) assert.isTrue(told.has(member))
        assert.sameMembers([...slots.all()], [...set])
        for (const member of members) assert.strictEqual(member.slot !== undefined, set.has(member))
      })
    ))
})
