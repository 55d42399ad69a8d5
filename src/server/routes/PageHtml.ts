/**
 * The page at `/`: ask, and see the words come, the failovers, and the end. One file, no dependency, no build.
 */

const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>effect-resilience</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
  body { max-width: 46rem; margin: 3rem auto; padding: 0 1rem }
  h1 { font-size: 1.25rem }
  form { display: flex; gap: .5rem }
  input { flex: 1; font: inherit; padding: .5rem }
  button { font: inherit; padding: .5rem 1rem }
  #answer { white-space: pre-wrap; min-height: 6rem; margin: 1.5rem 0; padding: 1rem; border: 1px solid #8885; border-radius: .5rem }
  #events { list-style: none; padding: 0; font: .875rem/1.6 ui-monospace, monospace }
  #events .error { color: #c33 } #events .seam { color: #b70 } #events .done { color: #283 }
</style>
<h1>effect-resilience relay</h1>
<form id="form">
  <input id="message" value="hello" aria-label="Message" autofocus maxlength="2000" required>
  <button id="ask">Ask</button>
</form>
<div id="answer" aria-live="polite"></div>
<ul id="events"></ul>
<script>
  const form = document.getElementById("form"), message = document.getElementById("message")
  const ask = document.getElementById("ask"), answer = document.getElementById("answer"), events = document.getElementById("events")
  let source, stream
  const note = (text, kind) => { const li = document.createElement("li"); li.textContent = text; li.className = kind || ""; events.append(li) }
  const stop = () => { source && source.close(); ask.disabled = false }
  form.addEventListener("submit", (event) => {
    event.preventDefault(); stop(); answer.textContent = ""; events.textContent = ""; stream = undefined; ask.disabled = true
    const token = new URLSearchParams(location.search).get("token")
    source = new EventSource("/chat?message=" + encodeURIComponent(message.value) + (token ? "&token=" + encodeURIComponent(token) : ""))
    source.addEventListener("init", (e) => {
      const data = JSON.parse(e.data)
      if (stream && stream !== data.stream_id) answer.textContent = ""
      stream = data.stream_id
      note("started " + data.stream_id + " on " + data.model)
    })
    source.addEventListener("message", (e) => { answer.textContent += JSON.parse(e.data).content })
    source.addEventListener("attempt", (e) => { const d = JSON.parse(e.data); note("attempt " + d.attempt + " of " + d.max_attempts + ": " + d.from + " gave " + d.reason + ", asking " + d.to, "seam") })
    source.addEventListener("failover", (e) => { const d = JSON.parse(e.data); note("failover at " + d.offset + ": " + d.from + " gave " + d.reason + ", " + d.to + " goes on (" + d.seam + ")", "seam") })
    source.addEventListener("done", (e) => { const d = JSON.parse(e.data); note("done: " + d.token_count + " events, " + d.attempts + (d.attempts === 1 ? " attempt" : " attempts") + (d.full_content === answer.textContent ? ", whole" : ", but the page shows something else"), "done"); stop() })
    source.addEventListener("error", (e) => {
      if (e.data) { const d = JSON.parse(e.data); note(d.code + ": " + d.message, "error"); stop() }
      else if (source.readyState === EventSource.CLOSED) { note("the relay refused the request", "error"); stop() }
      else note("connection lost, coming back")
    })
  })
</script>
`

/** The page, and the policy that it is served under. */
export const page = {
  html,
  policy:
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'"
}
