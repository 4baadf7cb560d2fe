import { BusinessUnitService } from "~gen/flagstone/v1/business_unit_service_pb";
import { expect, test, UNIT } from "../support/fixtures";
import { Person } from "../support/person";

/** Within this, and without a reload, a page follows what was given or taken. */
const QUICK = 10_000;

test("whoever may not do something reads beside the control why, and what would help", async ({ server, as }) => {
  const vera = await server.account("vera", { unit: UNIT, role: "viewer" });
  const page = await as(vera, "/templates/config-bundle/order?unit=sandbox");
  const main = page.getByRole("main");
  await main
    .getByRole("button", { name: /^Why can’t I/ })
    .first()
    .click();
  const dialog = page.getByRole("dialog", { name: "Why you may not" });
  await expect(dialog.getByText("business_unit:requests:create", { exact: true })).toBeVisible();
  await expect(dialog.getByRole("region", { name: "What would help" })).toContainText("Who may do it:");
  await expect(dialog.getByRole("region", { name: "What matches" })).toBeVisible();
});

test("a denial tells by its decision why", async ({ server, as }) => {
  const nora = await server.account("nora", { unit: UNIT, role: "viewer" });
  const page = await as(nora, "/admin/users");
  await expect(page.getByRole("main")).toContainText("platform:users:list");
  await page.getByRole("button", { name: "Why can’t I?", exact: true }).first().click();
  const dialog = page.getByRole("dialog", { name: "Why you may not" });
  await expect(dialog.getByText("Nothing that matters was changed since.")).toBeVisible();
  await expect(dialog.getByText("platform:users:list", { exact: true })).toBeVisible();
});

test("a role that is made and given in the browser holds in a session that is open already", async ({ server, as }) => {
  const otto = await server.account("otto", { unit: UNIT, role: "viewer" });
  const session = await Person.logIn(server.address, otto.email, otto.password);
  const order = () => session.order({ id: "otto", draft: true });
  await expect(order()).rejects.toThrow(/business_unit:requests:create/);

  const admin = await as("admin", "/admin/roles?create=true");
  await admin.getByLabel("Name").fill("Orderer of the tests");
  const search = admin.getByRole("searchbox", { name: "Search permissions" });
  for (const permission of [
    "business_unit:requests:create",
    "business_unit:templates:provision",
    "business_unit:deployments:create:development",
  ]) {
    await search.fill(permission);
    await admin.getByRole("main").getByRole("checkbox", { name: permission }).check();
  }
  await admin.getByRole("button", { name: "Create role" }).click();
  await expect(admin).toHaveURL(/\/admin\/roles\/orderer-of-the-tests/);
  await admin
    .getByRole("tab", { name: "Role bindings" })
    .or(admin.getByRole("tab", { name: "Bindings" }))
    .click();
  await admin.getByRole("button", { name: "Give role" }).click();
  const dialog = admin.getByRole("dialog");
  await dialog.getByRole("searchbox", { name: /^Person/ }).fill("otto");
  await dialog.getByRole("list", { name: "People for person" }).getByRole("button", { name: /Otto/ }).click();
  await dialog.getByLabel("Where").selectOption({ label: "Sandbox" });
  await dialog.getByRole("button", { name: "Show what it changes" }).click();
  await expect(dialog).toContainText("Otto");
  await dialog.getByRole("button", { name: "Give role" }).click();
  await expect(dialog).toBeHidden();
  await order();
  const page = await as(otto, "/templates/config-bundle/order?unit=sandbox");
  await expect(page.getByText("Nothing is made before a plan is approved.")).toBeVisible();

  await admin.getByRole("button", { name: /^Remove Orderer of the tests of Otto/ }).click();
  await admin.getByRole("button", { name: "Remove role binding" }).click();
  await expect(admin.getByRole("dialog")).toBeHidden();
  await expect(order()).rejects.toThrow(/business_unit:requests:create/);
});

test("rights that are given and taken reach the pages that are open", async ({ server, as }) => {
  const eve = await server.account("eve", { unit: UNIT, role: "viewer" });
  const teams = await as(eve, "/admin/teams");
  const create = teams.getByRole("main").getByRole("button", { name: "Create team" }).first();
  await expect(create).toHaveAttribute("aria-disabled", "true");
  // A page that follows nothing by itself.
  const profile = await teams.context().newPage();
  await profile.goto("/profile");
  await expect(profile.getByRole("heading", { level: 1 })).toHaveText("Eve Example");
  const users = profile.getByRole("navigation").getByRole("link", { name: "Users", exact: true });
  await expect(users).toHaveCount(0);
  for (const page of [teams, profile]) await page.evaluate(() => Object.assign(window, { marked: true }));

  const admin = await as("admin", "/admin/roles/platform-admin?tab=bindings");
  await admin.getByRole("tab", { name: /indings/ }).click();
  await admin.getByRole("button", { name: "Give role" }).click();
  const dialog = admin.getByRole("dialog");
  await dialog.getByRole("searchbox", { name: /^Person/ }).fill("eve");
  await dialog.getByRole("list", { name: "People for person" }).getByRole("button", { name: /Eve/ }).click();
  await dialog.getByRole("button", { name: "Show what it changes" }).click();
  await dialog.getByRole("button", { name: "Give role" }).click();
  await expect(dialog).toBeHidden();
  await expect(create).not.toHaveAttribute("aria-disabled", "true", { timeout: QUICK });
  await expect(users).toBeVisible({ timeout: QUICK });

  await admin.getByRole("button", { name: /^Remove .* of Eve/ }).click();
  await admin.getByRole("button", { name: "Remove role binding" }).click();
  await expect(admin.getByRole("dialog")).toBeHidden();
  await expect(create).toHaveAttribute("aria-disabled", "true", { timeout: QUICK });
  await expect(users).toHaveCount(0, { timeout: QUICK });
  for (const page of [teams, profile]) expect(await page.evaluate(() => "marked" in window), "no reload").toBe(true);
});

test("lists of a unit that one may not look into say so, whether or not it is there", async ({ server, as }) => {
  const units = (await server.person("admin")).client(BusinessUnitService);
  await units.createBusinessUnit({ businessUnit: { code: "VAULTED", displayName: "Vaulted" } });
  const finn = await server.account("finn", { unit: UNIT, role: "viewer" });
  const page = await as(finn, "/requests?unit=vaulted");
  for (const [noun, permission] of [
    ["requests", "business_unit:requests:list"],
    ["deployments", "business_unit:deployments:list"],
  ] as const) {
    for (const unit of ["vaulted", "nowhere"]) {
      await page.goto(`/${noun}?unit=${unit}`);
      const alert = page.getByRole("main").getByRole("alert");
      await expect(alert).toContainText(`You may not see the ${noun} of ${unit}`);
      await expect(alert).toContainText(permission);
      await alert.getByRole("button", { name: `Why can’t I see the ${noun} of ${unit}?` }).click();
      const dialog = page.getByRole("dialog", { name: "Why you may not" });
      await expect(dialog.getByText(permission, { exact: true })).toBeVisible();
      await page.keyboard.press("Escape");
      await expect(dialog).toBeHidden();
    }
    await page.goto(`/${noun}?unit=sandbox`);
    await expect(page.getByRole("status", { name: "How many" })).toContainText(noun);
    await expect(page.getByRole("main").getByRole("alert")).toHaveCount(0);
  }
});
