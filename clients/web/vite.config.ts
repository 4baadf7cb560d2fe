import { fileURLToPath } from "node:url";
import tailwind from "@tailwindcss/vite";
import { tanstackRouter } from "@tanstack/router-plugin/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { precompress } from "./build/precompress.ts";
import { version } from "./package.json" with { type: "json" };

// Where `npm run dev` finds a running server.
const server = process.env.FLAGSTONE_ADDRESS ?? "http://127.0.0.1:7400";

const isContract = (id: string) => /src[\\/]gen[\\/]/.test(id);

const isCommon = (id: string) =>
  /(src|lucide-react)[\\/]/.test(id) &&
  !isContract(id) &&
  !/[\\/](lib[\\/]schema|components[\\/](values|effects-preview|policy-results)\.)/.test(id) &&
  !isAdministration(id);

// What the pages of administration share, and no first load needs.
const isAdministration = (id: string) =>
  /components[\\/](mutation-dialog|risky-button|effects-found|named-fields|member-columns)\./.test(id) ||
  /components[\\/](access|business-unit|group|invitation|organization|role|role-binding|service-account|settings|sso|team|user)[\\/]/.test(
    id,
  ) ||
  /gen[\\/].*[\\/](role|group|team|organization|invitation|service_account|sso_provider|workload_identity)_service_pb/.test(
    id,
  );

export default defineConfig({
  plugins: [tanstackRouter(), react(), tailwind(), precompress()],
  define: { __FLAGSTONE_VERSION__: JSON.stringify(version) },
  resolve: { alias: { "~": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    target: "es2023",
    // The policy of the page allows no data: fonts and scripts, and small files are cheap over HTTP/2.
    assetsInlineLimit: 0,
    // React, router, queries and messages, 136 kB with gzip. What a first load takes is tested in tests/web.
    chunkSizeWarningLimit: 500,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // Without groups a first load is fifty small files, which are asked for one by one and compress badly. The
        // first two change only with our dependencies and stay in caches.
        codeSplitting: {
          groups: [
            {
              name: "base",
              // Without what only plans need: rows of different heights.
              test: /node_modules[\\/](react|react-dom|scheduler|use-sync-external-store|@tanstack[\\/](?!(react-)?virtual)[a-z-]+|@connectrpc|@bufbuild)[\\/]/,
            },
            {
              name: "ui",
              test: /node_modules[\\/](@radix-ui|@floating-ui|aria-hidden|react-remove-scroll|react-remove-scroll-bar|react-style-singleton|use-callback-ref|use-sidecar|tslib|get-nonce)[\\/]/,
            },
            // Messages that nearly every page reads.
            { name: "contract", test: isContract, minShareCount: 25 },
            // What at least five pages share. Not what shows values: it brings the check of schemas along, and no list
            // needs it before somebody opens a dialog.
            { name: "common", test: isCommon, minShareCount: 5 },
          ],
        },
      },
    },
  },
  server: {
    port: Number(process.env.PORT ?? 7480),
    strictPort: true,
    // To the browser the page and the API are one origin, as in production; to the server too, which compares the two.
    proxy: { "^/(flagstone\\.|grpc\\.|auth/sso/)": { target: server, changeOrigin: false } },
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["./build/test-setup.ts"],
    restoreMocks: true,
  },
});
