import type { Page } from "@playwright/test";
import { InvitationService } from "~gen/flagstone/v1/invitation_service_pb";
import { AUTH, test as base, expect, UNIT } from "../support/fixtures";
import { Issuer, noIssuer } from "../support/issuer";
import type { Server } from "../support/server";

const PROVIDER = "Example";

const test = base.extend<object, { company: { server: Server; issuer: Issuer } }>({
  company: [
    async ({ server }, use) => {
      const issuer = await Issuer.start(server);
      await issuer.join(server, "example", PROVIDER);
      await use({ server, issuer });
      await issuer.stop();
    },
    { scope: "worker", timeout: 60_000 },
  ],
});

test.skip(noIssuer() !== false, noIssuer() || "");

/** Goes to the provider from a page of ours, and says there who one is. */
async function logInAt(page: Page, issuer: Issuer, name: string): Promise<void> {
  await page.getByRole("button", { name: `Continue with ${PROVIDER}` }).click();
  await page.waitForURL((url) => url.origin === issuer.address);
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Log in" }).click();
}

test("somebody comes in through a provider, to the page that was wanted, and out again", async ({
  company: { server, issuer },
  visitor,
}) => {
  const page = await (await visitor({ baseURL: server.address })).newPage();
  await page.goto("/profile?tab=sessions");
  await expect(page).toHaveURL(/\/login\?to=/);
  await logInAt(page, issuer, "ada");
  await expect(page).toHaveURL(`${server.address}/profile?tab=sessions`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Ada Example");
  await expect(page.getByRole("main").getByText("ada@example.org")).toBeVisible();
  await expect(page.getByRole("list", { name: "Sessions" }).getByText("This session")).toBeVisible();

  // It is a session like every other: nothing of it is where scripts can read it, and a reload goes on with it.
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  expect(kept).not.toContain("eyJ");
  const [cookie] = (await page.context().cookies(`${server.address}${AUTH}`)).filter(
    ({ name }) => name === "flagstone_refresh",
  );
  expect(cookie).toMatchObject({ httpOnly: true, path: AUTH });
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Ada Example");

  // Whoever sits down next is not let in by the provider: one is logged out there, too.
  await page.getByRole("button", { name: /^Account of/ }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.waitForURL((url) => url.origin === issuer.address);
  await page.getByRole("button", { name: "Yes, sign me out" }).click();
  await expect(page).toHaveURL(`${server.address}/login`);
  await page.goto("/profile");
  await expect(page).toHaveURL(/\/login\?to=/);
  await page.getByRole("button", { name: `Continue with ${PROVIDER}` }).click();
  await expect(page.getByLabel("Name")).toBeVisible();
});

test("what goes wrong at a provider is told on the login page, and the next try works", async ({
  company: { server, issuer },
  visitor,
}) => {
  const context = await visitor({ baseURL: server.address });
  const page = await context.newPage();
  await page.goto("/login");
  const fails = async (name: string, title: string) => {
    await logInAt(page, issuer, name);
    await expect(page).toHaveURL(/\/login\?/);
    await expect(page.getByText(title)).toBeVisible();
    expect((await context.cookies(`${server.address}${AUTH}`)).map((cookie) => cookie.name)).not.toContain(
      "flagstone_refresh",
    );
    // Whoever was logged in at the provider would not be asked again.
    await context.clearCookies();
  };
  // Nobody filled in a name: the provider says no.
  await fails("", "The provider said no");
  for (const how of ["nonce", "audience", "foreign_key", "none"] as const) {
    await issuer.tamper(how);
    await fails("mallory", "The provider’s answer does not hold");
  }
  await fails("unverified-mallory", "Your address is not verified");
  await logInAt(page, issuer, "grace");
  await expect(page.getByRole("button", { name: "Account of Grace Example" })).toBeVisible();
});

test("an answer that nobody here has asked for lets nobody in", async ({ company: { server, issuer }, visitor }) => {
  const page = await (await visitor({ baseURL: server.address })).newPage();
  await page.goto("/auth/sso/callback?code=anything&state=made-up");
  await expect(page).toHaveURL(/\/login\?error=/);
  await expect(page.getByText("That took too long")).toBeVisible();

  // An answer to one browser whose address is handed to another one: it is taken from the provider step by step.
  await page.getByRole("button", { name: `Continue with ${PROVIDER}` }).click();
  await page.waitForURL((url) => url.origin === issuer.address);
  const { request } = page.context();
  const said = await request.post(page.url(), { form: { login: "victor" }, maxRedirects: 0 });
  const resumed = await request.get(said.headers().location ?? "", { maxRedirects: 0 });
  const answer = resumed.headers().location ?? "";
  expect(answer).toContain("code=");
  const other = await (await visitor({ baseURL: server.address })).newPage();
  await other.goto(answer);
  await expect(other).toHaveURL(/\/login\?error=/);
  await expect(other.getByText("This was begun elsewhere")).toBeVisible();
});

test("an account at a provider is linked in the profile, and lets its person in from then on", async ({
  company: { server, issuer },
  as,
  visitor,
}) => {
  const page = await as("approver", "/profile?tab=sign-in");
  await page.getByRole("button", { name: `Link an account at ${PROVIDER}` }).click();
  await page.waitForURL((url) => url.origin === issuer.address);
  await page.getByLabel("Name").fill("another-address@corp.test");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByText("The account is linked.")).toBeVisible();
  const who = await page.getByRole("heading", { level: 1 }).textContent();

  const elsewhere = await (await visitor({ baseURL: server.address })).newPage();
  await elsewhere.goto("/profile");
  await logInAt(elsewhere, issuer, "another-address@corp.test");
  await expect(elsewhere.getByRole("heading", { level: 1 })).toHaveText(who ?? "");
});

test("an invitation is accepted through a provider, by the person whose address it names", async ({
  company: { server, issuer },
  visitor,
}) => {
  const invitations = (await server.person("admin")).client(InvitationService);
  const { link } = await invitations.createInvitation({
    invitation: { email: "ida@example.org", role: "roles/developer", businessUnit: UNIT },
  });
  const context = await visitor({ baseURL: server.address });
  const page = await context.newPage();
  await page.goto(link);
  await logInAt(page, issuer, "eve");
  await expect(page.getByText("The invitation does not fit")).toBeVisible();
  await context.clearCookies();

  await page.goto(link);
  await logInAt(page, issuer, "ida");
  await expect(page.getByRole("button", { name: "Account of Ida Example" })).toBeVisible();
  await page.goto("/templates/config-bundle/order");
  await expect(page.getByText("Nothing is made before a plan is approved.")).toBeVisible();
});
