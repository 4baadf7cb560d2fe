import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { violations } from "../support/axe";
import { test as base, expect } from "../support/fixtures";
import { noTerraform, reports } from "../support/machine";
import { PAGES } from "../support/pages";
import { createWorld, type World } from "../support/world";

/** Where the pictures are. */
const PICTURES = join(reports, "screenshots");

const test = base.extend<object, { world: World }>({
  world: [async ({ server }, use) => use(await createWorld(server)), { scope: "worker", timeout: 120_000 }],
});

test.skip(noTerraform() !== false, noTerraform() || "");
test.describe.configure({ mode: "parallel" });
mkdirSync(PICTURES, { recursive: true });

for (const { name, who, path } of PAGES) {
  test(`${name}: axe finds nothing, nothing overflows, four pictures`, async ({ server, world, as, visitor }) => {
    const address = path(world);
    const page =
      who === "nobody" ? await (await visitor({ baseURL: server.address })).newPage() : await as(who, address);
    if (who === "nobody") await page.goto(address);
    await settled(page);
    const found: string[] = [];
    for (const [width, height] of [
      [1440, 900],
      [390, 844],
    ] as const) {
      await page.setViewportSize({ width, height });
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await settled(page);
        await page.screenshot({
          path: join(PICTURES, `${name.replaceAll(" ", "-")}-${width}-${colorScheme}.png`),
          fullPage: true,
          animations: "disabled",
        });
        // What is wrong with structure is wrong in both schemes; contrast is not.
        for (const violation of await violations(page)) found.push(`${width} ${colorScheme}: ${violation}`);
      }
    }
    // 720 pixels are a browser of 1440 zoomed to 200 %.
    for (const width of [720, 360]) {
      await page.setViewportSize({ width, height: 800 });
      await settled(page);
      // A list changes its form a moment after the window has changed.
      await expect
        .poll(() => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), {
          message: `how much wider than a window of ${width} the page is`,
        })
        .toBeLessThanOrEqual(0);
    }
    expect(found).toEqual([]);
  });
}

/** Waits until everything a page asked for is there. */
async function settled(page: Page): Promise<void> {
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.getByRole("status", { name: "Loading" })).toHaveCount(0);
  await page.evaluate(() => document.fonts.ready);
}
