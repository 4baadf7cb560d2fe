import { fileURLToPath } from "node:url";
import tailwind from "@tailwindcss/vite";
import { tanstackRouter } from "@tanstack/router-plugin/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { precompress } from "./build/precompress.ts";
import { version } from "./package.json" with { type: "json" };

// Where `npm run dev` finds a running server.
const server = process.env.FLAGSTONE_ADDRESS ?? "http://127.0.0.1:7400";

export default defineConfig({
  plugins: [tanstackRouter(), react(), tailwind(), precompress()],
  define: { __FLAGSTONE_VERSION__: JSON.stringify(version) },
  resolve: { alias: { "~": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    target: "es2023",
    // The policy of the page allows no data: fonts and scripts, and small files are cheap over HTTP/2.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 250,
    modulePreload: { polyfill: false },
  },
  server: {
    port: Number(process.env.PORT ?? 7480),
    strictPort: true,
    // To the browser the page and the API are one origin, as in production; to the server too, which compares the two.
    proxy: { "^/(flagstone|grpc)\\.": { target: server, changeOrigin: false } },
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["./build/test-setup.ts"],
    restoreMocks: true,
  },
});
