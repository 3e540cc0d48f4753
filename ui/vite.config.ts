// How the pages are built. Everything is relative, so that a node behind any path prefix can serve them.
import { defineConfig } from "vite";

declare const process: { env: Record<string, string | undefined> };

export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    assetsDir: "assets",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "^/(?!ui|src|@|node_modules|assets|index.html|$)": process.env["REGISTRY_URL"] ?? "http://127.0.0.1:18081" } },
});
