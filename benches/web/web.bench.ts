import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { JobService } from "~gen/flagstone/v1/job_service_pb";
import { RequestService, RequestState } from "~gen/flagstone/v1/request_service_pb";
import type { Page } from "../../tests/web/support/fixtures";
import { expect, logIn, test } from "../../tests/web/support/fixtures";
import { noTerraform, webClient } from "../../tests/web/support/machine";
import { printingTerraform } from "../../tests/web/support/server";
import { type Frames, frames } from "./frames";
import { lighthouseScores } from "./lighthouse";
import { finish, milliseconds, note, percentile, type Row } from "./table";

/** How often what is quick is repeated. */
const ROUNDS = 20;

/** How many rows the list has. */
const ROWS = 200;

test.describe.configure({ mode: "serial" });

test.afterAll(({ browser }) => finish(browser.version()));

/** Bytes of the scripts that a page has loaded, as sent with gzip. */
function gzipped(urls: Iterable<string>): number {
  const assets = join(webClient(), "assets");
  return [...urls].reduce((sum, url) => {
    const file = join(assets, url.slice(url.lastIndexOf("/") + 1));
    return sum + (statSync(`${file}.gz`, { throwIfNoEntry: false }) ?? statSync(file)).size;
  }, 0);
}

const kilobytes = (bytes: number) => `${Math.round(bytes / 1000)} kB`;

test("size of the scripts", async ({ server, visitor }) => {
  const context = await visitor({ baseURL: server.address });
  const scripts = new Set<string>();
  context.on("response", (response) => {
    if (response.url().endsWith(".js")) scripts.add(response.url());
  });
  const page = await context.newPage();
  const load = async (path: string) => {
    scripts.clear();
    await page.goto(path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    // A live page has no end of its network: this is for what follows the page by itself.
    await page.waitForTimeout(1_000);
    return gzipped(scripts);
  };
  const login = await load("/login");
  await logIn(context, server, "dev");
  const list = await load("/requests");
  const all = readdirSync(join(webClient(), "assets")).filter((name) => name.endsWith(".js"));
  note(
    { what: "Script of the login page, gzipped", value: kilobytes(login), aim: "< 250 kB", reached: login < 250_000 },
    {
      what: "Script of a first load of the list, gzipped",
      value: kilobytes(list),
      aim: "< 250 kB",
      reached: list < 250_000,
    },
    { what: "Script of all pages together, gzipped", value: kilobytes(gzipped(all)) },
  );
});

test("from navigation to the first row", async ({ server, as }) => {
  const dev = await server.person("dev");
  for (let row = 0; row < ROWS; row += 1) await dev.order({ id: `row-${row}`, draft: true });
  const page = await as("dev", "/requests?unit=sandbox");
  const row = page.getByRole("table").getByRole("link").first();
  await expect(row).toBeVisible();
  const opened: number[] = [];
  const went: number[] = [];
  await page.addInitScript(noteFirstRow);
  for (let round = 0; round < ROUNDS; round += 1) {
    await page.goto("/requests?unit=sandbox");
    await expect(row).toBeVisible();
    opened.push(await page.evaluate(() => (window as unknown as { firstRow: number }).firstRow));
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    await page.getByRole("link", { name: "Home" }).first().click();
    await expect(page.getByRole("heading", { level: 1 })).not.toHaveText("Requests");
    const link = page.getByRole("link", { name: "Requests", exact: true }).first();
    went.push(
      await link.evaluate((element) => {
        const began = performance.now();
        return new Promise<number>((resolve) => {
          const observer = new MutationObserver(() => {
            if (!document.querySelector("table tbody tr a")) return;
            observer.disconnect();
            requestAnimationFrame(() => resolve(performance.now() - began));
          });
          observer.observe(document.body, { childList: true, subtree: true });
          (element as HTMLElement).click();
        });
      }),
    );
  }
  const median = percentile(opened, 0.5);
  note(
    { what: `List of ${ROWS}: address entered to first row, median`, value: milliseconds(median) },
    { what: "The same, 95 % of times", value: milliseconds(percentile(opened, 0.95)) },
    {
      what: "List: click to first row, median",
      value: milliseconds(percentile(went, 0.5)),
      aim: "< 100 ms",
      reached: percentile(went, 0.5) < 100,
    },
    { what: "The same, 95 % of times", value: milliseconds(percentile(went, 0.95)) },
  );
});

/** Runs in the page before anything else: when the first row of a table is painted, since the navigation began. */
function noteFirstRow(): void {
  new MutationObserver((_, observer) => {
    if (!document.querySelector("table tbody tr a")) return;
    observer.disconnect();
    requestAnimationFrame(() => Object.assign(window, { firstRow: performance.now() }));
  }).observe(document, { childList: true, subtree: true });
}

test("from a change on the server to pixels", async ({ server, as }) => {
  const dev = await server.person("dev");
  const live = (page: Page) => expect(page.getByRole("status").filter({ hasText: "Live" })).toBeVisible();

  const list = await as("approver", "/requests?unit=sandbox");
  await live(list);
  await noteTexts(list, "table tbody a");
  const appeared: number[] = [];
  const requests: { code: string; name: string }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const request = await dev.order({ id: `pixel-${round}`, draft: true });
    const answered = Date.now();
    appeared.push((await seen(list, request.code)) - answered);
    requests.push(request);
  }
  await list.close();

  const changed: number[] = [];
  const page = await as("dev", "/");
  for (const { code, name } of requests) {
    await page.goto(`/requests/${code}`);
    await live(page);
    await noteTexts(page, "[data-state]");
    await dev.client(RequestService).cancelRequest({ name, reason: "Measured." });
    const answered = Date.now();
    changed.push((await seen(page, "Cancelled")) - answered);
  }
  const report = (what: string, values: number[]) =>
    note(
      { what, value: milliseconds(percentile(values, 0.5)), aim: "< 200 ms", reached: percentile(values, 0.5) < 200 },
      { what: "The same, 95 % of times", value: milliseconds(percentile(values, 0.95)) },
    );
  report("A request is ordered: from the server's answer to pixels in another person's list, median", appeared);
  report("A request is cancelled: from the server's answer to pixels on its page, median", changed);
});

/** Notes when texts of elements first appear in a page: in the frame that shows them. */
async function noteTexts(page: Page, selector: string): Promise<void> {
  await page.evaluate((selector) => {
    const seen: Record<string, number> = {};
    Object.assign(window, { seen });
    const look = () => {
      for (const { textContent } of document.querySelectorAll(selector)) {
        const text = textContent?.trim() ?? "";
        if (text in seen) continue;
        seen[text] = 0;
        requestAnimationFrame(() => {
          seen[text] = Date.now();
        });
      }
    };
    look();
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
  }, selector);
}

/** When a text was there, by the clock that page and test share. */
async function seen(page: Page, text: string): Promise<number> {
  const handle = await page.waitForFunction(
    (text) => (window as unknown as { seen: Record<string, number> }).seen[text],
    text,
  );
  return (await handle.jsonValue()) ?? Number.NaN;
}

const frameRows = (what: string, { gaps, heap }: Frames): Row[] => [
  {
    what: `${what}: frames p50 / p95 / p99 / longest`,
    value: [0.5, 0.95, 0.99, 1].map((share) => milliseconds(percentile(gaps, share))).join(" / "),
    aim: "no frame over 50 ms",
    reached: percentile(gaps, 1) <= 50,
  },
  { what: `${what}: memory of the page`, value: `${(heap / 1e6).toFixed(0)} MB` },
];

test("the log at 10,000 lines a second", async ({ another, as }) => {
  test.skip(noTerraform() !== false, noTerraform() || "");
  // Two hundred lines, then a hundredth of a second; by Terraform's stand-in, since the real one is slower.
  const part = 'seq -f "line %g of this part: nothing to see here, move along" 1 200; sleep 0.01';
  const loop = `i=0; while [ $i -lt 1500 ]; do ${part}; i=$((i+1)); done`;
  const server = await another({ environment: printingTerraform(loop) });
  const dev = await server.person("dev");
  const { name, jobs } = await dev.orderUntil({ id: "flood" }, RequestState.APPLYING);
  const job = jobs.at(-1) ?? "";
  const page = await as("dev", `/${job}`, { at: server });
  await expect(page.getByRole("log").getByText("of this part").first()).toBeVisible();
  const lines = async () => Number((await dev.client(JobService).getJob({ name: job })).log?.lastSeq ?? 0n);
  let rate = 0;
  const measured = await frames(page, async () => {
    const [before, began] = [await lines(), performance.now()];
    await page.waitForTimeout(8_000);
    rate = ((await lines()) - before) / ((performance.now() - began) / 1000);
  });
  note({ what: "Log that is followed: lines a second", value: Math.round(rate).toLocaleString("en") });
  note(...frameRows("Log that is followed", measured));
  await dev.until(name, RequestState.COMPLETED);
});

test("a log of 1,000,000 lines is scrolled", async ({ another, as }) => {
  test.skip(noTerraform() !== false, noTerraform() || "");
  const server = await another({ environment: printingTerraform("seq -f 'line %.0f' 1 1000000") });
  const { jobs } = await (await server.person("dev")).orderUntil({ id: "million" }, RequestState.COMPLETED);
  const page = await as("dev", `/${jobs.at(-1)}`, { at: server });
  const log = page.getByRole("log");
  await expect(log.getByText("line 1000000", { exact: true })).toBeVisible();
  const box = await log.boundingBox();
  await page.mouse.move((box?.x ?? 0) + 200, (box?.y ?? 0) + 200);
  const wheel = await frames(page, async () => {
    for (let turn = 0; turn < 200; turn += 1) {
      await page.mouse.wheel(0, turn < 100 ? -400 : 400);
      await page.waitForTimeout(16);
    }
  });
  note(...frameRows("Log of 1,000,000 lines, by wheel", wheel));
  // As somebody who drags the scroll bar from one end to the other.
  const bar = await frames(page, () =>
    log.evaluate(async (element) => {
      for (let step = 0; step <= 200; step += 1) {
        element.scrollTop = (element.scrollHeight * step) / 200;
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
    }),
  );
  note(...frameRows("Log of 1,000,000 lines, by its scroll bar", bar));
});

test("Lighthouse", async ({ server }) => {
  const dev = await server.person("dev");
  const { code } = await dev.orderUntil({ id: "lit" }, RequestState.PENDING_APPROVAL);
  for (const [what, path, who] of [
    ["login", "/login", undefined],
    ["list of requests", "/requests?unit=sandbox", "dev"],
    ["request", `/requests/${code}`, "dev"],
  ] as const) {
    const scores = await lighthouseScores(server, path, who);
    note({ what: `Lighthouse, ${what}: performance / accessibility / best practices`, value: scores.join(" / ") });
  }
});
