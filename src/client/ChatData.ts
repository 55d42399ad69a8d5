/**
 * What the relay's events hold, as they are on the wire: the data of `/chat` and of what follows it.
 */

/** `init`: the first event of an answer. */
export interface InitData {
  readonly request_id: string
  readonly stream_id: string
  readonly status: string
  readonly model: string
}

/** `message` and `reasoning`: a piece of the answer, or of the thought before it. Never empty. */
export interface ContentData {
  readonly content: string
}

/** `attempt`: before anything was shown another attempt is made. `reason` is a code, or `writer_lost`. */
export interface AttemptData {
  readonly attempt: number
  readonly max_attempts: number
  readonly delay_ms: number
  readonly reason: string
  readonly from: string
  readonly to: string
}

/** `failover`: another channel goes on with the answer. `offset` and `dropped` count code points. */
export interface FailoverData {
  readonly from: string
  readonly to: string
  readonly reason: string
  readonly offset: number
  readonly dropped: number
  readonly seam: "exact" | "overlap" | "restart" | "ambiguous"
}

/** What an answer cost. `estimated` where no upstream said it. */
export interface UsageData {
  readonly input_tokens: number
  readonly output_tokens: number
  readonly total_tokens: number
  readonly estimated: boolean
}

/** `done`: the answer is whole. */
export interface DoneData {
  readonly request_id: string
  readonly status: string
  readonly token_count: number
  readonly full_content: string
  readonly finish_reason: string
  readonly usage: UsageData
  readonly attempts: number
}
