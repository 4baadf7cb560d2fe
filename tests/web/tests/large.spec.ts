import type { Locator, Page } from "@playwright/test";
import { RequestState } from "~gen/flagstone/v1/request_service_pb";
import { expect, test } from "../support/fixtures";
import { noTerraform } from "../support/machine";
import { printingTerraform } from "../support/server";
import { fillTags, reviewAndSend, stateOf } from "../support/steps";
import { WIDE_INPUTS } from "../support/wide";
import { LONG_NAME, RTL_NAME } from "../support/world";

/** How many lines the long log prints, beside those of Terraform. */
const LINES = 1_000_000;

/** How many elements a page may have that shows a part of something long. */
const ELEMENTS = 3_000;

const elements = (page: Page) => page.evaluate(() => document.querySelectorAll("*").length);

/** Whether a page can be used: a key is answered while everything is on the page. */
async function answersIn(act: () => Promise<void>, seen: Locator): Promise<number> {
  const began = performance.now();
  await act();
  await expect(seen).toBeVisible();
  return performance.now() - began;
}

test.describe("large things", () => {
  test.skip(noTerraform() !== false, noTerraform() || "");

  test(`a log of ${LINES} lines shows each line at its number, however one gets there`, async ({ another, as }) => {
    test.setTimeout(300_000);
    // Printed by Terraform's stand-in: the real one takes a minute to pass so much on.
    const server = await another({ environment: printingTerraform(`seq -f "entry %.0f." 1 ${LINES}`) });
    const { jobs } = await (await server.person("dev")).orderUntil({ id: "printed" }, RequestState.COMPLETED);
    const page = await as("dev", `/${jobs.at(-1)}`, { at: server });
    const log = page.getByRole("log");
    // It opens at its end, and says what it is.
    await expect(log.getByText(/^END · 1,000,0\d\d lines · sha256 [0-9a-f]{12}$/)).toBeVisible({ timeout: 60_000 });
    await expect(log.getByText(`entry ${LINES}.`)).toBeVisible();
    const before = await offset(log, `entry ${LINES}.`, LINES);
    expect(await elements(page)).toBeLessThan(ELEMENTS);

    // By its address.
    await page.goto(`/${jobs.at(-1)}?line=${500_000 + before}`);
    await expect(log.getByText("entry 500000.")).toBeVisible();
    expect(await offset(log, "entry 500000.", 500_000)).toBe(before);

    // By the scroll bar, to any place: each line that is shown is the line of its number.
    for (const share of [0, 0.31, 0.5, 0.77, 0.999]) {
      await log.evaluate((element, share) => {
        element.scrollTop = (element.scrollHeight - element.clientHeight) * share;
      }, share);
      await expect(async () => {
        const rows = await log.evaluate((element) =>
          [...element.querySelectorAll("[data-seq]")].map((row) => ({
            number: Number(row.querySelector("a")?.textContent),
            entry: Number(/entry (\d+)\./.exec(row.textContent ?? "")?.[1] ?? Number.NaN),
          })),
        );
        const printed = rows.filter(({ entry }) => !Number.isNaN(entry));
        expect(printed.length).toBeGreaterThan(5);
        expect(printed.filter(({ number, entry }) => number !== entry + before)).toEqual([]);
        const place = (printed[0]?.number ?? 0) / LINES;
        expect(Math.abs(place - share)).toBeLessThan(0.01);
      }).toPass({ timeout: 20_000 });
    }
    expect(await elements(page)).toBeLessThan(ELEMENTS);

    // By searching.
    await page.getByRole("searchbox", { name: "Search the log" }).fill("entry 654321.");
    await page.getByRole("searchbox", { name: "Search the log" }).press("Enter");
    await expect(log.locator(`[data-seq="${654_321 + before}"]`)).toContainText("entry 654321.");
  });

  test("a plan of 5,000 resources stays usable", async ({ server, as }) => {
    test.setTimeout(240_000);
    const dev = await server.person("dev");
    const order = { id: "five-thousand", template: "large", inputs: { resources: 5_000 } };
    const { code } = await dev.orderUntil(order, RequestState.PENDING_APPROVAL);
    const page = await as("approver", `/requests/${code}`);
    const tree = page.getByRole("treegrid");
    await expect(tree).toBeVisible({ timeout: 60_000 });
    await expect(page.getByText(/5,000 resources/).first()).toBeVisible();
    expect(await elements(page)).toBeLessThan(ELEMENTS);
    const search = page.getByRole("searchbox", { name: "Search the resources of the plan" });
    const found = tree.getByText("terraform_data.one[4321]");
    console.log(`search in 5,000 resources: ${Math.round(await answersIn(() => search.fill("one[4321]"), found))} ms`);
    await search.fill("");
    // To the last one by the keyboard.
    await tree.getByRole("row").first().focus();
    await page.keyboard.press("End");
    await expect(tree.getByText("terraform_data.one[4999]")).toBeVisible();
    expect(await elements(page)).toBeLessThan(ELEMENTS);
    await page.getByRole("region", { name: "Decision" }).getByRole("button", { name: "Approve plan" }).focus();
  });

  test(`a template with ${WIDE_INPUTS} inputs is filled in and ordered`, async ({ as }) => {
    const page = await as("dev", "/templates/wide/order");
    const first = page.getByLabel("Input 001");
    await expect(first).toBeVisible();
    await expect(page.getByLabel(`Input ${WIDE_INPUTS}`)).toHaveCount(1);
    await first.fill("");
    const began = performance.now();
    await first.pressSequentially("typed");
    await expect(first).toHaveValue("typed");
    const typed = performance.now() - began;
    console.log(`five letters into a form of ${WIDE_INPUTS} inputs: ${Math.round(typed)} ms`);
    // What is wrong in the middle of it is found and led to.
    const last = page.getByRole("textbox", { name: "Input 198" });
    await last.fill("1001");
    await page.getByRole("radio", { name: "Development" }).check();
    await page.getByRole("textbox", { name: "Deployment id" }).fill("two-hundred");
    await fillTags(page);
    await page.getByRole("button", { name: "Review request" }).click();
    await page.getByRole("alert").getByRole("button", { name: "Input 198" }).click();
    await expect(last).toBeFocused();
    await last.fill("999");
    await reviewAndSend(page, /^Order Wide/);
    await expect(stateOf(page)).toHaveText("Needs approval");
  });
});

test("names of 255 characters, from right to left and with emoji break no page", async ({ server, as }) => {
  const dev = await server.person("dev");
  const long = await dev.order({ id: "long-name", title: LONG_NAME, displayName: LONG_NAME, draft: true });
  const rtl = await dev.order({ id: "rtl-name", title: RTL_NAME, displayName: RTL_NAME, draft: true });
  for (const [width, height] of [
    [1440, 900],
    [360, 740],
  ] as const) {
    const page = await as("dev", "/requests?unit=sandbox", { viewport: { width, height } });
    await expect(page.getByText(LONG_NAME).first()).toBeVisible();
    await expect(page.getByText(RTL_NAME).first()).toHaveAttribute("dir", "auto");
    for (const path of ["/requests?unit=sandbox", `/requests/${long.code}`, `/requests/${rtl.code}`, "/"]) {
      await page.goto(path);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expect(page.getByRole("status", { name: "Loading" })).toHaveCount(0);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(over, `${path} at ${width}`).toBeLessThanOrEqual(0);
    }
  }
});

/** How many lines stand before the first one that was printed: by the number beside the text of an entry. */
async function offset(log: Locator, text: string, entry: number): Promise<number> {
  const row = log.locator("[data-seq]").filter({ hasText: text });
  return Number(await row.getAttribute("data-seq")) - entry;
}
