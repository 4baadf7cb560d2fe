// What pages say where something is not as usual: no runner, no permission, another clock, a small window.

import { expect, test } from "../support/fixtures";
import { stateOf } from "../support/steps";

test("without a runner a request says what it waits for, in words", async ({ another, as }) => {
  const server = await another({ runners: 0 });
  const { code } = await (await server.person("dev")).order({ id: "waits" });
  const page = await as("dev", `/requests/${code}`, { at: server });
  await expect(page.getByText(/[Nn]o runner/).first()).toBeVisible();
  await page.goto("/jobs?unit=sandbox");
  await page.getByRole("table").getByRole("link").first().click();
  await expect(page.getByText(/[Nn]o runner/).first()).toBeVisible();
});

test("a link to what one may not see says which permission is missing and who can grant it", async ({ as }) => {
  const page = await as("dev", "/admin/audit");
  const alert = page.getByRole("alert");
  await expect(alert).toContainText("audit:read");
  await expect(alert).toContainText("can grant it");
  await expect(alert.getByText("Correlation id")).toBeVisible();
});

test("a request that is not there and one that is hidden look alike", async ({ as }) => {
  const page = await as("dev", "/requests/R-999999");
  await expect(page.getByText("There is no request R-999999, or you may not read it.")).toBeVisible();
});

test("a control that one may not use is there, disabled, with the reason", async ({ server, as }) => {
  const { code } = await (await server.person("admin")).order({ id: "of-the-admin", draft: true });
  const page = await as("dev", `/requests/${code}`);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  const main = page.getByRole("main");
  await expect(main.getByRole("button", { name: "Edit request" })).toHaveAttribute("aria-disabled", "true");
  const submit = main.getByRole("button", { name: "Submit request" });
  await expect(submit).toHaveAttribute("aria-disabled", "true");
  await submit.focus();
  await expect(page.getByRole("tooltip")).toContainText("Only its requester, admin");
  await page.keyboard.press("Enter");
  await expect(stateOf(page)).toHaveText("Draft");
});

for (const [name, minutes] of [
  ["an hour slow", -60],
  ["an hour fast", 60],
] as const) {
  test(`a browser whose clock is ${name} shows times as they are, and stays logged in`, async ({ server, as }) => {
    const { code } = await (await server.person("dev")).order({
      id: `clock-${minutes < 0 ? "slow" : "fast"}`,
      draft: true,
    });
    const page = await as("dev", "/");
    await page.context().clock.install({ time: Date.now() + minutes * 60_000 });
    await page.context().clock.resume();
    await page.goto("/requests?unit=sandbox");
    const row = page.getByRole("row").filter({ hasText: code });
    await expect(row.getByText(/just now|sec\. ago|1 min\. ago/)).toBeVisible();
    await expect(page.getByRole("dialog")).toHaveCount(0);
  });
}
