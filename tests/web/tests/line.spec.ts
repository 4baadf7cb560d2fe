// The main line in the browser, with the real Terraform. The numbers are those of the product's journeys.

import type { Page } from "@playwright/test";
import { RequestState } from "~gen/flagstone/v1/request_service_pb";
import { bundle, endSession, expect, type Server, test } from "../support/fixtures";
import { noTerraform } from "../support/machine";
import { codeOf, decisionOf, fillBundle, fillTags, review, reviewAndSend, shownLines, stateOf } from "../support/steps";

test.skip(noTerraform() !== false, noTerraform() || "");

test("J5: ordered, rejected with a reason, ordered again, approved, followed through a reload", async ({ as }) => {
  const dev = await as("dev", "/templates");
  const approver = await as("approver", "/approvals");

  // 1. A person who has read nothing orders from the marketplace.
  await dev.getByRole("link", { name: "Configuration bundle" }).first().click();
  await dev.getByRole("link", { name: /^Order \d/ }).click();
  await fillBundle(dev, { id: "j5", entries: { MAX_CONNECTIONS: "100" }, rollout: 6 });
  const first = await reviewAndSend(dev, /^Order Configuration bundle/);
  await expect(stateOf(dev)).toHaveText("Needs approval");
  await expect(dev.getByText("terraform_data.bundle").first()).toBeVisible();

  // 2. It appears in the inbox without a reload; a blank reason is refused.
  await approver.getByRole("link", { name: new RegExp(first) }).click();
  await decisionOf(approver).getByRole("button", { name: "Reject request" }).click();
  await expect(decisionOf(approver).getByRole("textbox", { name: "Comment" })).toHaveAttribute("aria-invalid", "true");
  await decisionOf(approver).getByRole("textbox", { name: "Comment" }).fill("Fewer connections, please.");
  await decisionOf(approver).getByRole("button", { name: "Reject request" }).click();

  // 3. The developer sees why, and the rejected request stays readable.
  await expect(stateOf(dev)).toHaveText("Rejected");
  await expect(dev.getByText("Fewer connections, please.").first()).toBeVisible();
  await dev.getByRole("link", { name: "Order again" }).click();
  await expect(dev.getByRole("textbox", { name: "Key of Entries 1" })).toHaveValue("MAX_CONNECTIONS");
  await dev.getByRole("textbox", { name: "Value of MAX_CONNECTIONS" }).fill("50");
  await dev.getByRole("textbox", { name: "Deployment id" }).fill("j5");
  const second = await reviewAndSend(dev, /^Order Configuration bundle/);
  expect(second).not.toBe(first);
  await expect(stateOf(dev)).toHaveText("Needs approval");

  // 4. and 5. Approved; the log is followed while it is written, and once more after a reload in the middle of it.
  await approver.goto("/approvals");
  await approver.getByRole("link", { name: new RegExp(second) }).click();
  await decisionOf(approver).getByRole("button", { name: "Approve plan" }).click();
  await expect(stateOf(dev)).toHaveText("Applying");
  await dev.getByRole("region", { name: "Jobs" }).getByRole("link").last().click();
  await expect(dev.getByText("rollout: second 2 of 6")).toBeVisible();
  await dev.reload();
  await expect(dev.getByText("rollout: second 6 of 6")).toBeVisible();
  await expect(dev.getByText(/^END · \d+ lines · sha256/)).toBeVisible();
  await isWhole(dev);

  // It is there, with outputs of which the secret one is masked.
  await dev.goto(`/requests/${second}`);
  await expect(stateOf(dev)).toHaveText("Completed");
  const outputs = dev.getByRole("region", { name: "Outputs" });
  await expect(outputs).toContainText("entries_count");
  await expect(outputs.getByText(/(?<![0-9a-f])[0-9a-f]{40}$/)).toHaveCount(0);
});

/** Reads a whole log from its first line: every number once, and what was printed in its order. */
async function isWhole(page: Page): Promise<void> {
  const log = page.getByRole("log");
  const seen = new Map<number, string>();
  await log.evaluate((element) => element.scrollTo({ top: 0 }));
  await expect
    .poll(async () => {
      for (const { number, text } of await shownLines(page)) seen.set(number, text);
      await log.evaluate((element) => element.scrollBy({ top: 200 }));
      return log.evaluate((element) => element.scrollTop + element.clientHeight >= element.scrollHeight - 1);
    })
    .toBe(true);
  for (const { number, text } of await shownLines(page)) seen.set(number, text);
  const end = (await page.getByText(/^END · \d+ lines/).textContent()) ?? "";
  const count = Number(/END · ([\d,]+) lines/.exec(end)?.[1]?.replaceAll(",", ""));
  expect([...seen.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  const seconds = [...seen]
    .sort(([a], [b]) => a - b)
    .flatMap(([, text]) => /rollout: second (\d+) of/.exec(text)?.[1] ?? []);
  expect(seconds, "no gap and no duplicate").toEqual(["1", "2", "3", "4", "5", "6"]);
}

test("J6: what happens to one deployment does not touch another", async ({ server, as }) => {
  const person = await server.person("dev");
  await Promise.all(["j6-a", "j6-b"].map((id) => server.carriedOut(person.order({ id }))));
  const dev = await as("dev");
  const approver = await as("approver");

  await test.step("2. A is updated", async () => {
    await dev.goto("/b/sandbox/deployments/j6-a");
    await dev.getByRole("main").getByRole("link", { name: "Update deployment" }).click();
    await dev.getByRole("textbox", { name: "Value of key" }).fill("2");
    const code = await reviewAndSend(dev, /^Change/);
    await approve(approver, code);
    await expect(stateOf(dev)).toHaveText("Completed");
    expect((await person.deployment("j6-b")).currentRevision).toBe(1);
  });

  await test.step("4. One of two updates of A is refused, and its draft is saved", async () => {
    const other = await as("dev", "/b/sandbox/deployments/j6-a/update");
    await other.getByRole("textbox", { name: "Value of key" }).fill("4");
    const first = await person.update("j6-a", bundle("3"));
    await review(other);
    await other.getByRole("button", { name: "Change j6-a" }).click();
    await expect(other.getByRole("alert").first()).toContainText(first.code);
    await expect(other.getByRole("link", { name: first.code }).first()).toBeVisible();
    await other.getByRole("button", { name: "Save draft" }).click();
    await expect(stateOf(other)).toHaveText("Draft");
    await dev.goto(`/requests/${first.code}`);
    await dev.getByRole("button", { name: "Cancel request" }).click();
    await dev.getByRole("dialog").getByRole("button", { name: "Cancel request" }).click();
    await expect(stateOf(dev)).toHaveText("Cancelled");
  });

  await test.step("3. B is destroyed after a dry run, by typing its id", async () => {
    const before = await person.deployment("j6-a");
    await dev.goto("/b/sandbox/deployments/j6-b");
    await dev.getByRole("main").getByRole("button", { name: "Destroy deployment" }).click();
    const dialog = dev.getByRole("dialog");
    const destroy = dialog.getByRole("button", { name: /^Destroy/ });
    await expect(destroy).toHaveAttribute("aria-disabled", "true");
    await dialog.getByRole("textbox").fill("j6-b");
    await destroy.click();
    await approve(approver, await codeOf(dev));
    await expect(stateOf(dev)).toHaveText("Completed");
    await dev.goto("/b/sandbox/deployments/j6-b");
    await expect(stateOf(dev)).toHaveText("Destroyed");
    expect(await person.deployment("j6-a"), "A is as it was").toEqual(before);
  });

  await test.step("5. An update that fails in planning is cancelled", async () => {
    await server.carriedOut(person.order({ id: "j6-gate", template: "probe", inputs: { label: "a" } }));
    const { code, name } = await person.update("j6-gate", { label: "a", gate: "/nowhere/at/all" });
    await dev.goto(`/requests/${code}`);
    await expect(stateOf(dev)).toHaveText("Failed");
    await expect(dev.getByText("The gate is closed.").first()).toBeVisible();
    await dev.getByRole("button", { name: "Cancel request" }).click();
    await dev.getByRole("dialog").getByRole("button", { name: "Cancel request" }).click();
    await expect(stateOf(dev)).toHaveText("Cancelled");
    expect((await person.request(name)).jobs).toHaveLength(1);
  });

  await test.step("6. C is rejected and ordered again under its id", async () => {
    const rejected = await person.orderUntil({ id: "j6-c" }, RequestState.PENDING_APPROVAL);
    await (await server.person("approver")).reject(rejected, "Not yet.");
    await dev.goto(`/requests/${rejected.code}`);
    await dev.getByRole("link", { name: "Order again" }).click();
    await dev.getByRole("textbox", { name: "Deployment id" }).fill("j6-c");
    await reviewAndSend(dev, /^Order Configuration bundle/);
    await expect(stateOf(dev)).toHaveText("Needs approval");
  });
});

async function approve(approver: Page, code: string): Promise<void> {
  await approver.goto(`/requests/${code}`);
  await decisionOf(approver).getByRole("button", { name: "Approve plan" }).click();
  await expect(decisionOf(approver)).toBeHidden();
}

test("the whole line without a mouse", async ({ server, as }) => {
  const dev = await as("dev");
  const approver = await as("approver");
  const id = "by-keys";
  const press = (page: Page, ...keys: string[]) =>
    keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  const type = async (page: Page, name: RegExp | string, text: string) => {
    await tabTo(page, name);
    await page.keyboard.type(text);
  };

  // From home to the template by the palette.
  await press(dev, "Control+k");
  await expect(dev.getByRole("combobox")).toBeFocused();
  await dev.keyboard.type("Configuration bundle");
  await expect(dev.getByRole("option", { name: /Configuration bundle/ }).first()).toBeVisible();
  await press(dev, "Enter");
  await expect(dev.getByRole("link", { name: /^Order \d/ })).toBeVisible();
  await press(dev, "o");
  await expect(dev).toHaveURL(/\/order/);

  // The form, from field to field.
  await tabTo(dev, "Development");
  await press(dev, "Space");
  await type(dev, "Deployment id", id);
  await type(dev, /^Name/, "limits");
  await type(dev, /^Label/, "blue");
  await tabTo(dev, "Add to entries");
  await press(dev, "Enter");
  await expect(dev.getByRole("textbox", { name: "Key of Entries 1" })).toBeFocused();
  await dev.keyboard.type("key");
  await type(dev, "Value of key", "1");
  for (const [key, value] of [
    ["team", "core"],
    ["owner", "dev"],
    ["purpose", "tests"],
  ] as const)
    await type(dev, new RegExp(`^${key}`), value);
  await press(dev, "Control+Enter");
  await expect(dev).toHaveURL(/step=review/);
  await expect(dev.getByText("The dry run")).toBeHidden();
  await press(dev, "Control+Enter");
  const code = await codeOf(dev);
  await expect(stateOf(dev)).toHaveText("Needs approval");

  // The approver goes to the inbox, moves to it and approves.
  await press(approver, "g", "a");
  // Home has such a link, too.
  const mine = approver.getByRole("list", { name: "Approvals" }).getByRole("link");
  await expect(mine.filter({ hasText: code })).toBeVisible();
  for (let row = 0; row < (await mine.count()); row += 1) {
    await press(approver, "j");
    if (await approver.locator(":focus").filter({ hasText: code }).count()) break;
  }
  await expect(approver.getByRole("complementary", { name: "Selected approval" })).toContainText(
    "terraform_data.bundle",
  );
  await press(approver, "a");
  const dialog = approver.getByRole("dialog", { name: `Approve ${code}` });
  await expect(dialog.locator(":focus")).toHaveCount(1);
  await tabTo(approver, "Approve plan");
  await press(approver, "Enter");
  await expect(stateOf(dev)).toHaveText("Completed");

  // The deployment, and its end.
  await press(dev, "g", "d");
  await expect(dev.getByRole("link", { name: id }).first()).toBeVisible();
  await tabTo(dev, new RegExp(id));
  await press(dev, "Enter");
  await expect(dev).toHaveURL(new RegExp(`/deployments/${id}`));
  await tabTo(dev, "Destroy deployment");
  await press(dev, "Enter");
  await expect(dev.getByRole("dialog")).toBeVisible();
  await tabTo(dev, /^Type/);
  await dev.keyboard.type(id);
  await expect(dev.getByRole("dialog").getByRole("button", { name: /^Destroy/ })).not.toHaveAttribute(
    "aria-disabled",
    "true",
  );
  await press(dev, "Enter");
  const end = await codeOf(dev);
  expect(end).not.toBe(code);
  await expect(stateOf(dev)).toHaveText("Needs approval");
  const person = await server.person("dev");
  const request = await person.request(`businessUnits/sandbox/requests/${end}`);
  await (await server.person("approver")).approve(request);
  await expect(stateOf(dev)).toHaveText("Completed");
});

/** Presses Tab until something has the focus, and checks on the way that one always sees where it is. */
async function tabTo(page: Page, name: RegExp | string): Promise<void> {
  const targets = ["link", "button", "textbox", "radio", "checkbox", "combobox", "searchbox", "spinbutton"] as const;
  for (let presses = 0; presses < 150; presses += 1) {
    await page.keyboard.press("Tab");
    // What only hands the focus on is never seen.
    const focused = page.locator(":focus:not([data-radix-focus-guard], [role=dialog])");
    if ((await focused.count()) === 0) continue;
    const unseen = await focused.evaluate((element) => {
      const { outlineStyle, boxShadow } = getComputedStyle(element);
      return outlineStyle === "none" && boxShadow === "none" ? element.outerHTML.slice(0, 200) : undefined;
    });
    expect(unseen, "the focus is visible").toBeUndefined();
    for (const role of targets) {
      const exact = typeof name === "string";
      if (await focused.and(page.getByRole(role, { name, exact })).count()) return;
    }
  }
  throw new Error(`Nothing called ${name} can be reached with Tab.`);
}

test("the back button walks through the wizard and loses nothing", async ({ as }) => {
  const page = await as("dev", "/templates/config-bundle");
  await page.getByRole("link", { name: /^Order \d/ }).click();
  await fillBundle(page, { id: "back-and-forth", entries: { key: "value" } });
  await review(page);
  await page.goBack();
  await expect(page).not.toHaveURL(/step=review/);
  await expect(page.getByRole("textbox", { name: "Value of key" })).toHaveValue("value");
  await page.goForward();
  await expect(page).toHaveURL(/step=review/);
  await page.goBack();
  await page.goBack();
  await expect(page).toHaveURL(/\/templates\/config-bundle$/);
  await page.goForward();
  await expect(page.getByRole("textbox", { name: "Deployment id" })).toHaveValue("back-and-forth");
  // A reload, too.
  await page.reload();
  await expect(page.getByRole("textbox", { name: "Value of key" })).toHaveValue("value");
});

test("what is wrong is told beside its field, by the server's own words", async ({ server, as }) => {
  await (await server.person("dev")).order({ id: "taken", draft: false });
  const page = await as("dev", "/templates/config-bundle/order");
  await page.getByRole("radio", { name: "Development" }).check();
  await page.getByRole("button", { name: "Review request" }).click();
  const summary = page.getByRole("alert").filter({ hasText: "still to do" });
  await expect(summary).toBeVisible();
  await summary.getByRole("button", { name: "Label" }).click();
  await expect(page.getByRole("textbox", { name: /^Label/ })).toBeFocused();
  await expect(page.getByRole("textbox", { name: /^Label/ })).toHaveAttribute("aria-invalid", "true");
  await fillBundle(page, { id: "taken", entries: { key: "1" } });
  await page.getByRole("button", { name: "Review request" }).click();
  await expect(page.getByText(/taken/).first()).toBeVisible();
});

test("two clicks on the button make one request", async ({ server, as }) => {
  const page = await as("dev", "/templates/config-bundle/order");
  await fillBundle(page, { id: "clicked-twice", entries: { key: "1" } });
  await review(page);
  await page.getByRole("button", { name: /^Order Configuration bundle/ }).dblclick();
  await codeOf(page);
  expect(await requestsOf(server, "clicked-twice")).toBe(1);
});

async function requestsOf(server: Server, id: string): Promise<number> {
  const dev = await server.person("dev");
  return (await dev.requestsOf(id)).length;
}

test("a session that ends in the middle of a form loses nothing that was typed", async ({ server, as }) => {
  const page = await as("dev", "/templates/config-bundle/order");
  await page.getByRole("radio", { name: "Development" }).check();
  await page.getByRole("textbox", { name: "Deployment id" }).fill("typed-before");
  await page.getByRole("textbox", { name: /^Label/ }).fill("blue");
  await endSession(page.context(), server);
  // The form stays behind the question for the password.
  const dialog = page.getByRole("dialog", { name: "Log in again" });
  await dialog.getByLabel("Password").fill(server.password("dev"));
  await dialog.getByRole("button", { name: "Log in" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("textbox", { name: "Deployment id" })).toHaveValue("typed-before");
  await expect(page.getByRole("textbox", { name: /^Label/ })).toHaveValue("blue");
  await page.getByRole("textbox", { name: /^Name/ }).fill("limits");
  await page.getByRole("button", { name: "Add to entries" }).click();
  await page.getByRole("textbox", { name: "Key of Entries 1" }).fill("key");
  await page.getByRole("textbox", { name: "Value of key" }).fill("1");
  await fillTags(page);
  await reviewAndSend(page, /^Order Configuration bundle/);
});
