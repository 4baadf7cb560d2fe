import type { Locator, Page } from "@playwright/test";
import { CreateRequestRequestSchema, RequestState } from "~gen/flagstone/v1/request_service_pb";
import { expect, test } from "../support/fixtures";
import { unframe } from "../support/grpc";
import { noTerraform } from "../support/machine";
import { codeOf, decisionOf, fillBundle, review, stateOf } from "../support/steps";
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

test("without a network a page that opens says so, and opens when it is back", async ({ another, as, faults }) => {
  const server = await another({ runners: 0 });
  const wire = await Wire.to(server);
  try {
    const page = await as("dev", "/requests?unit=-", { at: server, baseURL: wire.address });
    await expect(stream(page)).toHaveText("Live");
    wire.cut();
    await page.getByRole("link", { name: "Deployments" }).first().click();
    await expect(page.getByRole("alert").first()).toContainText(/could not be loaded|cannot be reached/);
    wire.mend();
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Deployments" })).toBeVisible();
    await expect(page.getByRole("alert")).toHaveCount(0);
    // That a page's code could not be loaded is an error of a script, too.
    expect(faults.splice(0).every((fault) => fault.includes("could not be loaded"))).toBe(true);
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

test("two people side by side see each other's changes within a second", async ({ server, as }) => {
  test.skip(noTerraform() !== false, noTerraform() || "");
  const person = await server.person("dev");
  const dev = await as("dev", "/requests?unit=sandbox");
  const approver = await as("approver", "/approvals");
  for (const page of [dev, approver]) await expect(stream(page)).toHaveText("Live");
  const delays: Record<string, number> = {};
  /** From the server's answer to one person to what the other person sees. */
  const measured = async (what: string, answered: Promise<unknown>, ...seen: Locator[]) => {
    const [began, ...ends] = await Promise.all(
      [answered, ...seen.map((locator) => expect(locator).toBeVisible())].map((one) =>
        one.then(() => performance.now()),
      ),
    );
    delays[what] = Math.max(...ends) - (began ?? 0);
  };

  const ordered = person.order({ id: "side-by-side" });
  await measured("ordered", ordered, dev.getByRole("link", { name: (await ordered).code, exact: true }));
  const { code, name } = await ordered;
  await dev.goto(`/requests/${code}`);
  const waits = person.until(name, RequestState.PENDING_APPROVAL);
  const inbox = approver.getByRole("link", { name: new RegExp(`^${code} `) });
  await measured("needs approval", waits, inbox, stateOf(dev).and(dev.getByText("Needs approval")));
  await inbox.click();
  const approve = decisionOf(approver).getByRole("button", { name: "Approve plan" });
  await expect(approve).toBeVisible();
  const answer = approver.waitForResponse(/ApprovalService\/ApproveApproval/);
  await Promise.all([
    measured("approved", answer, stateOf(dev).and(dev.getByText(/^(Approved|Applying|Completed)$/))),
    approve.click(),
  ]);
  await measured("completed", person.until(name, RequestState.COMPLETED), stateOf(dev).and(dev.getByText("Completed")));
  console.log(
    `milliseconds until the other person sees it: ${JSON.stringify(delays, (_, value) => (typeof value === "number" ? Math.round(value) : value))}`,
  );
  for (const [what, delay] of Object.entries(delays)) expect.soft(delay, what).toBeLessThan(1_000);
});

test("a slow network loses nothing and sends nothing twice", async ({ server, as }) => {
  const wire = await Wire.to(server);
  try {
    const page = await as("dev", "/templates/config-bundle/order", { baseURL: wire.address });
    wire.slow(400);
    await fillBundle(page, { id: "over-a-slow-wire", entries: { key: "1" } });
    await review(page);
    const send = page.getByRole("button", { name: /^Order Configuration bundle/ });
    await send.click();
    await send.click({ timeout: 1_000 }).catch(() => undefined);
    await codeOf(page);
    await expect(stateOf(page)).toBeVisible();
    expect(await (await server.person("dev")).requestsOf("over-a-slow-wire")).toHaveLength(1);
  } finally {
    wire.remove();
  }
});

test("an answer that the network lost is asked for again, and is the same request", async ({ server, as }) => {
  const wire = await Wire.to(server);
  try {
    const page = await as("dev", "/templates/config-bundle/order", { baseURL: wire.address });
    await fillBundle(page, { id: "lost-answer", entries: { key: "1" } });
    await review(page);
    await expect(page.getByRole("region", { name: "Changes" })).toBeVisible();
    // The server gets it; the wire breaks before the answer is through. A dry run is the same call, and is left alone.
    let broken = false;
    await page.route("**/flagstone.v1.RequestService/CreateRequest", async (route) => {
      const { message } = unframe(CreateRequestRequestSchema, route.request().postDataBuffer() ?? Buffer.alloc(5));
      if (message.validateOnly || broken) return route.continue();
      broken = true;
      await route.fetch();
      wire.cut();
      await route.abort("connectionreset");
    });
    await page.getByRole("button", { name: /^Order Configuration bundle/ }).click();
    await expect(page.getByRole("alert").first()).toContainText("The server cannot be reached.");
    wire.mend();
    await page.getByRole("button", { name: /^Order Configuration bundle/ }).click();
    await codeOf(page);
    expect(await (await server.person("dev")).requestsOf("lost-answer")).toHaveLength(1);
  } finally {
    wire.remove();
  }
});
