import type { Page } from "@playwright/test";
import { RequestState } from "~gen/flagstone/v1/request_service_pb";
import { expect, test } from "../support/fixtures";
import { Wire } from "../support/wire";

/** The indicator of the page's stream. */
const stream = (page: Page) => page.getByRole("status").filter({ hasText: /Live|Reconnecting|Connecting|Up to date/ });

/** Marks the page: a reload would lose the mark. */
const mark = (page: Page) => page.evaluate(() => Object.assign(window, { marked: true }));
const isMarked = (page: Page) => page.evaluate(() => "marked" in window);

test("a page goes on after the server was restarted, without a reload", async ({ another, as }) => {
  const server = await another({ runners: 0 });
  const page = await as("dev", "/requests?unit=-", { at: server });
  await expect(stream(page)).toHaveText("Live");
  await mark(page);
  await server.end();
  await expect(stream(page)).toHaveText("Reconnecting");
  await server.startAgain();
  const dev = await server.person("dev");
  const { code } = await dev.order({ id: "meanwhile" });
  await expect(page.getByRole("link", { name: code })).toBeVisible();
  await expect(stream(page)).toHaveText("Live");
  expect(await isMarked(page)).toBe(true);
});

test("a cut wire is said at once, and what happened meanwhile appears when it is mended", async ({ another, as }) => {
  const server = await another({ runners: 0 });
  const dev = await server.person("dev");
  const wire = await Wire.to(server);
  try {
    const page = await as("dev", "/requests?unit=-", { at: server, baseURL: wire.address });
    await expect(stream(page)).toHaveText("Live");
    await mark(page);
    wire.cut();
    await expect(stream(page)).toHaveText("Reconnecting");
    const { code } = await dev.order({ id: "unseen" });
    wire.mend();
    await expect(page.getByRole("link", { name: code })).toBeVisible();
    await expect(stream(page)).toHaveText("Live");
    expect(await isMarked(page)).toBe(true);
  } finally {
    wire.remove();
  }
});

test("without a network a page that opens says so, and opens when it is back", async ({ another, as }) => {
  const server = await another({ runners: 0 });
  const wire = await Wire.to(server);
  try {
    const page = await as("dev", "/requests?unit=-", { at: server, baseURL: wire.address });
    await expect(stream(page)).toHaveText("Live");
    wire.cut();
    await page.getByRole("link", { name: "Deployments" }).first().click();
    await expect(page.getByRole("alert")).toContainText("The server cannot be reached.");
    wire.mend();
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByRole("alert")).toBeHidden();
  } finally {
    wire.remove();
  }
});

test("a hidden tab closes its stream and catches up when it is shown", async ({ another, as }) => {
  const server = await another({ runners: 0 });
  const dev = await server.person("dev");
  const page = await as("dev", "/requests?unit=-", { at: server });
  await expect(stream(page)).toHaveText("Live");
  const setHidden = (hidden: boolean) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  await setHidden(true);
  await expect(page.getByRole("status").filter({ hasText: "Paused" })).toBeVisible();
  const { code } = await dev.order({ id: "while-hidden" });
  await dev.until((await dev.request(`businessUnits/sandbox/requests/${code}`)).name, RequestState.PLANNING);
  await setHidden(false);
  await expect(page.getByRole("link", { name: code })).toBeVisible();
});
