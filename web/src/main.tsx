import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { App } from "./App.tsx"
import { applyTheme } from "./ThemeButton.tsx"
import "./style/base.css"
import "./style/layout.css"
import "./style/answer.css"
import "./style/room.css"

applyTheme()

const root = document.getElementById("root")
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>
  )
}
