import { defineConfig } from "@playwright/test";
import { chromiumOptions } from "../../tests/web/support/machine";

// One browser and one measurement at a time. What cannot be measured fails; what is slow is printed.
export default defineConfig({
  testDir: ".",
  testMatch: "*.bench.ts",
  outputDir: "../../target/bench-web",
  workers: 1,
  timeout: 240_000,
  expect: { timeout: 30_000 },
  reporter: "list",
  use: { viewport: { width: 1440, height: 900 }, launchOptions: chromiumOptions() },
});
