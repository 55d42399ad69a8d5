/**
 * How the pages are built: the one at `/`, and the one at `/admin`. They are served by a relay, under a policy that allows
 * files of the relay's own origin and nothing else: nothing is inlined, and nothing comes from elsewhere.
 */
import react from "@vitejs/plugin-react"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vite"

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

export default defineConfig({
  root: file("."),
  publicDir: false,
  plugins: [react()],
  resolve: { conditions: ["effect-resilience-source", "module", "browser", "development|production"] },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { index: file("index.html"), admin: file("admin.html") } }
  }
})
