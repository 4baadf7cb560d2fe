// Journeys J1 and J2: an installation that has just been started, and a tenant that is set up by its people.

import type { Page } from "@playwright/test";
import { UserService } from "~gen/flagstone/v1/user_service_pb";
import { type Account, expect, logIn, test } from "../support/fixtures";
import { noTerraform } from "../support/machine";
import { PAGES } from "../support/pages";
import { Person } from "../support/person";
import type { Server } from "../support/server";
import { fillTags, reviewAndSend, stateOf } from "../support/steps";

const PASSWORD = "plum-anchor-violin-93";

/** The first login to an installation: a password of one's own comes before anything else. */
async function firstLogin(page: Page, server: Server): Promise<void> {
  await page.goto("/");
  await page.getByLabel("Username or e-mail address").fill("admin");
  await page.getByLabel("Password").fill(server.password("admin"));
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Choose a new password");
  await page.getByLabel(/^Current password/).fill(server.password("admin"));
  await page.getByLabel(/^New password(?! again)/).fill(PASSWORD);
  await page.getByLabel(/^New password again/).fill(PASSWORD);
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByRole("button", { name: /^Account of/ })).toBeVisible();
}

test("J1: the first administrator chooses a password and may open every page; a restart makes nothing", async ({
  another,
  visitor,
}) => {
  test.setTimeout(300_000);
  const server = await another({ production: true });
  const page = await (await visitor({ baseURL: server.address })).newPage();
  await firstLogin(page, server);
  const admin = { name: "users/admin", fullName: "", email: "admin", password: PASSWORD };
  // What names an object is walked where there are objects.
  const addresses = PAGES.filter(({ who, path }) => who !== "nobody" && path.length === 0).map(({ path }) =>
    path({} as never),
  );
  const walked = [...new Set(addresses.filter((one) => !one.startsWith("/b/") && !one.includes("/dev")))];
  for (const [index, address] of walked.entries()) {
    // A session is renewed thirty times a minute at most, and every page that is loaded renews it.
    if (index % 20 === 10) await logIn(page.context(), server, admin);
    await page.goto(address);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expect(page.getByRole("status", { name: "Loading" })).toHaveCount(0);
    await expect(page.getByText("You may not do this"), address).toHaveCount(0);
    await expect(page.getByText("Something went wrong on our side"), address).toHaveCount(0);
  }
  const people = async () => {
    const person = await Person.logIn(server.address, "admin", PASSWORD);
    return (await person.client(UserService).listUsers({})).users.map(({ name }) => name);
  };
  const before = await people();
  expect(before).toEqual(["users/admin"]);
  await server.end();
  await server.startAgain();
  expect(await people()).toEqual(before);
  await logIn(page.context(), server, admin);
  await page.reload();
  await expect(page.getByRole("button", { name: /^Account of/ })).toBeVisible();
});

test("a new organization comes to its first deployment by the steps alone", async ({ another, visitor }) => {
  test.skip(noTerraform() !== false, noTerraform() || "");
  test.setTimeout(240_000);
  const server = await another({ production: true });
  const page = await (await visitor({ baseURL: server.address })).newPage();
  await firstLogin(page, server);
  await page.getByRole("link", { name: /^Go on with: / }).click();
  const steps = page.getByRole("navigation", { name: "Steps" });
  const isDone = (title: string) => expect(steps.getByRole("link", { name: title })).toContainText(/done|skipped/);

  await steps.getByRole("link", { name: "Name the organization" }).click();
  await page.getByRole("textbox", { name: /^Name/ }).fill("Acme");
  await page.getByRole("button", { name: "Change organization" }).click();
  await page.getByRole("button", { name: "Keep this name" }).click();
  await isDone("Name the organization");

  await steps.getByRole("link", { name: "Make a business unit" }).click();
  await page.getByRole("textbox", { name: /^Name/ }).fill("Engineering");
  await page.getByLabel("Code").fill("ENG");
  await page.getByRole("button", { name: "Make business unit" }).click();
  await expect(page.getByText("Engineering is there, with an environment for each tier.")).toBeVisible();
  await isDone("Make a business unit");

  await steps.getByRole("link", { name: "Invite people" }).click();
  await page.getByLabel("E-mail address").fill("somebody@example.org");
  await page.getByLabel("Where").selectOption({ label: "Engineering" });
  await page.getByLabel("Role").selectOption({ label: "Developer" });
  await page.getByRole("button", { name: "Make invitation" }).click();
  await expect(page.getByRole("status", { name: "link" })).toContainText("/invitations#");
  await isDone("Invite people");

  await steps.getByRole("link", { name: "Have a runner" }).click();
  await page.getByRole("button", { name: "Look again" }).click();
  await isDone("Have a runner");

  await steps.getByRole("link", { name: "Order something" }).click();
  await page.getByRole("link", { name: "Choose a template" }).click();
  await page
    .getByRole("link", { name: /Configuration bundle/ })
    .first()
    .click();
  await page
    .getByRole("main")
    .getByRole("link", { name: /^Order/ })
    .first()
    .click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Order Configuration bundle");
  const unit = page.getByRole("combobox", { name: "Business unit" });
  if ((await unit.inputValue()) === "") await unit.selectOption({ label: "Engineering" });
  await page.getByRole("radio", { name: "Development" }).check();
  await page.getByRole("textbox", { name: "Deployment id" }).fill("first");
  const inputs = page.getByRole("group", { name: "Inputs", exact: true });
  await inputs.getByRole("textbox", { name: /^Name/ }).fill("limits");
  await inputs.getByRole("textbox", { name: /^Label/ }).fill("blue");
  await inputs.getByRole("button", { name: "Add to entries" }).click();
  await inputs.getByRole("textbox", { name: "Key of Entries 1" }).fill("key");
  await inputs.getByRole("textbox", { name: "Value of key" }).fill("value");
  await fillTags(page);
  await reviewAndSend(page, /^(Order|Send)/);
  await expect(stateOf(page)).toHaveText("Completed", { timeout: 120_000 });

  await page.goto("/welcome");
  await expect(page.getByText("Everything is set up")).toBeVisible();
});

/** Makes a business unit with an owner, on the page of business units. */
async function createUnit(page: Page, name: string, code: string, owner: Account): Promise<void> {
  await page.goto("/admin/business-units");
  await page.getByRole("button", { name: "Create business unit" }).first().click();
  const dialog = page.getByRole("dialog", { name: "Create a business unit" });
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByLabel("Code").fill(code);
  await dialog.getByRole("searchbox", { name: /^Owner/ }).fill(owner.email);
  await dialog.getByRole("list", { name: "People for owner" }).getByRole("button", { name: owner.fullName }).click();
  await dialog.getByRole("button", { name: "Create business unit" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(name);
}

/** Adds somebody to the business unit whose page is open. */
async function addMember(page: Page, email: string, role: string): Promise<void> {
  await page.getByRole("button", { name: "Add member" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a member" });
  await dialog.getByLabel("E-mail address").fill(email);
  await dialog.getByLabel("Role").selectOption({ label: role });
  await dialog.getByRole("button", { name: "Add member" }).click();
}

test("J2: units with owners, members with roles, a group, and what each of them sees", async ({ another, as }) => {
  test.setTimeout(240_000);
  const server = await another({ runners: 0 });
  const account = (id: string) => server.account(id);
  const [engOwner, opsOwner] = [await account("edda"), await account("oskar")];
  const [developer, senior, viewer] = [await account("dana"), await account("selma"), await account("vito")];
  const admin = await as("admin", "/admin/business-units", { at: server });
  await createUnit(admin, "Engineering", "ENG", engOwner);
  await createUnit(admin, "Operations", "OPS", opsOwner);

  // The owner gives roles of the unit, and no other.
  const owner = await as(engOwner, "/admin/business-units/eng", { at: server });
  const members = owner.getByRole("table", { name: "Members" });
  for (const [person, role] of [
    [developer, "Developer"],
    [senior, "Senior engineer"],
    [viewer, "Viewer"],
  ] as const) {
    await addMember(owner, person.email, role);
    await expect(members.getByRole("link", { name: person.fullName })).toBeVisible();
  }
  await addMember(owner, developer.email, "Developer");
  const dialog = owner.getByRole("dialog", { name: "Add a member" });
  await expect(dialog.getByText("Nobody was added")).toBeVisible();
  await expect(dialog.getByRole("alert")).toContainText(/already/i);
  await expect(dialog.getByLabel("Role").getByRole("option", { name: "Platform admin" })).toHaveCount(0);
  await owner.keyboard.press("Escape");

  // A group of the unit with a role and a member.
  await owner.getByRole("tab", { name: "Groups" }).click();
  await owner.getByRole("button", { name: "Create group" }).click();
  const group = owner.getByRole("dialog", { name: "Create a group" });
  await group.getByLabel("Name").fill("Payments");
  await group.getByRole("button", { name: "Create group" }).click();
  await expect(owner.getByRole("heading", { level: 1 })).toHaveText("Payments");
  await owner.getByRole("button", { name: "Give role" }).click();
  const give = owner.getByRole("dialog");
  await give.getByLabel("Role").selectOption({ label: "Senior engineer" });
  await give.getByRole("button", { name: "Give role" }).click();
  await expect(owner.getByRole("table", { name: "Roles" }).getByText("Senior engineer")).toBeVisible();
  await owner.getByRole("button", { name: "Add member" }).click();
  await owner
    .getByRole("dialog")
    .getByRole("searchbox", { name: /^Person/ })
    .fill("dana");
  await owner
    .getByRole("dialog")
    .getByRole("button", { name: /Dana Example/ })
    .click();
  await owner.getByRole("dialog").getByRole("button", { name: "Add member" }).click();
  await expect(owner.getByRole("table", { name: "Members" }).getByText("Dana Example")).toBeVisible();

  // What one chose stays chosen: after a reload, and on another device.
  const page = await as(developer, "/requests", { at: server });
  await page.getByRole("button", { name: /^Business unit: / }).click();
  await expect(page.getByRole("menuitemradio", { name: /Operations/ })).toHaveCount(0);
  await page.getByRole("menuitemradio", { name: /^Engineering/ }).click();
  await expect(page.getByRole("button", { name: "Business unit: Engineering" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("button", { name: "Business unit: Engineering" })).toBeVisible();
  const phone = await as(developer, "/requests", { at: server, viewport: { width: 390, height: 844 } });
  await expect(phone.getByRole("button", { name: "Business unit: Engineering" })).toBeVisible();

  // A unit that one is no member of is denied; the list over all shows the own one.
  await page.goto("/environments?unit=ops");
  await expect(page.getByRole("main")).toContainText("business_unit:environments:list");
  await page.goto("/environments?unit=-");
  await expect(page.getByRole("main")).toContainText("eng");
  await expect(page.getByRole("main")).not.toContainText("ops");

  // The viewer reads, and is told what ordering needs.
  const reader = await as(viewer, "/environments?unit=eng", { at: server });
  await expect(reader.getByRole("main")).toContainText(/development/i);
  await reader.goto("/templates/config-bundle/order?unit=eng");
  await expect(reader.getByRole("main")).toContainText("business_unit:requests:create");
});
