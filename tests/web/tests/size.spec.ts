import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, logIn, test } from "../support/fixtures";
import { webClient } from "../support/machine";

/** What a first load may take of scripts, gzipped. */
const BUDGET = 250_000;

test("a first load of a list takes less than 250 kB of script", async ({ server, visitor }) => {
  const context = await visitor({ baseURL: server.address });
  const scripts = new Set<string>();
  context.on("response", (response) => {
    if (response.url().endsWith(".js")) scripts.add(new URL(response.url()).pathname);
  });
  await logIn(context, server, "dev");
  const page = await context.newPage();
  await page.goto("/requests?unit=sandbox");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Requests");
  const sizes = [...scripts].map((path) => {
    const file = join(webClient(), path);
    return (statSync(`${file}.gz`, { throwIfNoEntry: false }) ?? statSync(file)).size;
  });
  const size = sizes.reduce((sum, one) => sum + one, 0);
  console.log(`script of a first load: ${Math.round(size / 1000)} kB gzipped in ${scripts.size} files`);
  expect(size).toBeLessThan(BUDGET);
});
