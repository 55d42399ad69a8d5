import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { App } from "./App.tsx"
import "./style/base.css"
import "./style/layout.css"
import "./style/answer.css"
import "./style/room.css"

const theme = localStorage.getItem("effect-resilience.theme")
if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme

const root = document.getElementById("root")
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>
  )
}
