import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "@playwright/test";
import type { AxeResults } from "axe-core";

// axe itself, not its wrapper for Playwright, which wants a newer Node.js than this repository.
const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds wrong with the page as it is shown now: one line for each element. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(`typeof axe === "undefined" && (() => { ${source} })()`);
  const results = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as AxeResults;
  if (results.passes.length === 0) throw new Error("axe has checked nothing.");
  return results.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, any }) => `${id}: ${help}: ${target.join(" ")} ${any[0]?.message ?? ""}`.trim()),
  );
}
