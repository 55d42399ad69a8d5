export { responses, responsesClient } from "./Dialect.ts"
export { type ItemPlace, inputIdOf, itemIdOf, placeOfItem, responseIdOf, streamOfResponse } from "./Ids.ts"
export {
  goesOnFrom,
  type GoesOnFrom,
  inputStreamOf,
  type KeptAnswer,
  keptInput,
  listedItem,
  readKeptInput,
  type Reference,
  withKept
} from "./Kept.ts"
export { parseResponsesRequest } from "./Request.ts"
export { responseIn } from "./WholeResponse.ts"
