import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { applyTheme } from "../ThemeButton.tsx"
import { AdminPage } from "./AdminPage.tsx"
import "../style/base.css"
import "../style/admin.css"
import "../style/adminParts.css"
import "../style/adminViews.css"

applyTheme()

const root = document.getElementById("root")
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <AdminPage />
    </StrictMode>
  )
}
