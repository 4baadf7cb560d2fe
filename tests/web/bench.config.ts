import { defineConfig } from "@playwright/test";
import { chromiumOptions, root } from "./support/machine";

// For `make bench-web`. Here, since there is one Playwright: a second copy of it would not run beside this one.
// One browser and one measurement at a time. What cannot be measured fails; what is slow is printed.
export default defineConfig({
  testDir: `${root}/benches/web`,
  testMatch: "*.bench.ts",
  outputDir: `${root}/target/bench-web`,
  workers: 1,
  timeout: 240_000,
  expect: { timeout: 30_000 },
  reporter: "list",
  use: { viewport: { width: 1440, height: 900 }, launchOptions: chromiumOptions() },
});
