import { appendFileSync } from "node:fs";
import type { Reporter, TestCase, TestResult } from "@playwright/test/reporter";

/** Says aloud which tests were skipped and why: the file named by FLAGSTONE_SKIPS collects the reasons of a whole run. */
export default class Skips implements Reporter {
  onTestEnd(test: TestCase, result: TestResult): void {
    if (result.status !== "skipped") return;
    const reason = test.annotations.find(({ type }) => type === "skip")?.description ?? "no reason was given";
    console.log(`skipped: ${test.title}: ${reason}`);
    if (process.env.FLAGSTONE_SKIPS) appendFileSync(process.env.FLAGSTONE_SKIPS, `${test.title}: ${reason}\n`);
  }

  printsToStdio(): boolean {
    return false;
  }
}
