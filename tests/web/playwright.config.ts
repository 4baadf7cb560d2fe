import { defineConfig } from "@playwright/test";
import { chromiumOptions, reports } from "./support/machine";

// The clock of this file is real: servers, browsers and engines share two cores. What a test waits for has time; how
// quick the client is on a quiet machine is measured by `make bench-web`.
const PATIENCE = 20_000;

export default defineConfig({
  testDir: "tests",
  outputDir: `${reports}/results`,
  workers: 2,
  fullyParallel: false,
  // Two cores carry browsers, servers and engines at once. What passes only the second time is listed as flaky at the end.
  retries: process.env.CI ? 1 : 0,
  forbidOnly: true,
  timeout: 120_000,
  expect: { timeout: PATIENCE },
  reporter: [["list"], ["json", { outputFile: `${reports}/report.json` }], ["./support/skips.ts"]],
  use: {
    actionTimeout: PATIENCE,
    navigationTimeout: PATIENCE,
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    reducedMotion: "reduce",
    trace: "retain-on-failure",
    launchOptions: chromiumOptions(),
  },
});
