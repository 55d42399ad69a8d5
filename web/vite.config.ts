/**
 * How the page is built. It is served at `/` by a relay, under a policy that allows files of the relay's own origin and
 * nothing else: nothing is inlined, and nothing comes from elsewhere.
 */
import react from "@vitejs/plugin-react"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vite"

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  publicDir: false,
  plugins: [react()],
  resolve: { conditions: ["effect-resilience-source", "module", "browser", "development|production"] },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } }
})
