import type { BrowserContext, Page, Route } from "@playwright/test";
import { RefreshSessionResponseSchema } from "~gen/flagstone/v1/auth_service_pb";
import { AUTH, endSession, expect, logIn, test } from "../support/fixtures";
import { frame, unframe } from "../support/grpc";

const REFRESH = `**${AUTH}/RefreshSession`;

/** Notes every use of the refresh cookie. */
function countRefreshes(context: BrowserContext): () => number {
  let count = 0;
  context.on("request", (request) => {
    if (request.url().endsWith("/RefreshSession")) count += 1;
  });
  return () => count;
}

async function logOut(page: Page): Promise<void> {
  await page.getByRole("button", { name: /^Account of/ }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await expect(page).toHaveURL(/\/login/);
}

test("a person logs in, goes where the link led, and logs out", async ({ server, visitor }) => {
  const page = await (await visitor({ baseURL: server.address })).newPage();
  await page.goto("/profile?tab=password");
  await expect(page).toHaveURL(/\/login\?to=/);
  await page.getByLabel("Username or e-mail address").fill("dev");
  await page.getByLabel("Password").fill(server.password("dev"));
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page).toHaveURL("/profile?tab=password");

  await logOut(page);
  await page.goto("/profile");
  await expect(page).toHaveURL(/\/login\?to=/);
});

test("a wrong password is told in words, with the id that finds it in the logs", async ({ server, visitor }) => {
  const page = await (await visitor({ baseURL: server.address })).newPage();
  await page.goto("/login");
  await page.getByLabel("Username or e-mail address").fill("nobody-of-this-name");
  await page.getByLabel("Password").fill("not-the-password");
  await page.getByRole("button", { name: "Log in" }).click();
  const alert = page.getByRole("alert");
  await expect(alert).toContainText("You are not logged in");
  const id = (await alert.locator("code").last().textContent()) ?? "";
  expect(id.length).toBeGreaterThan(8);
  expect(server.log()).toContain(id);
});

test("a link can lead only to pages of this application after a login", async ({ server, visitor }) => {
  const context = await visitor({ baseURL: server.address });
  await logIn(context, server, "dev");
  const page = await context.newPage();
  for (const to of ["https://example.org/", "//example.org/", "/\\example.org", "javascript:alert(1)"]) {
    await page.goto(`/login?to=${encodeURIComponent(to)}`);
    await expect(page).toHaveURL("/");
  }
});

test("no token is in a place that scripts or logs can read", async ({ server, as }) => {
  const page = await as("dev", "/profile");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Developer");
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  const cookies = await page.context().cookies(`${server.address}${AUTH}`);
  const cookie = cookies.find(({ name }) => name === "flagstone_refresh");
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Lax", path: AUTH });
  const secret = cookie?.value ?? "no cookie";
  // A JWT begins so.
  expect(kept).not.toContain("eyJ");
  expect(kept).not.toContain(secret);
  expect(server.log()).not.toContain(secret);
});

test("two tabs share one session: one of them refreshes, and a logout ends both", async ({ server, visitor }) => {
  const context = await visitor({ baseURL: server.address });
  await logIn(context, server, "dev");
  const refreshes = countRefreshes(context);
  // The first access token says that it is about to expire: pages renew it a second after they got it.
  await context.route(REFRESH, expireSoon, { times: 1 });
  const first = await context.newPage();
  await first.goto("/profile");
  const second = await context.newPage();
  await second.goto("/profile");
  for (const page of [first, second]) await expect(page.getByRole("heading", { level: 1 })).toHaveText("Developer");
  expect(refreshes(), "the second tab got its token from the first").toBe(1);

  await first.waitForTimeout(1_500);
  await Promise.all([first, second].map((page) => page.getByRole("link", { name: "Home" }).first().click()));
  for (const page of [first, second]) await expect(page.getByRole("heading", { level: 1 })).not.toHaveText("Developer");
  await expect.poll(refreshes).toBe(2);

  await logOut(first);
  await expect(second).toHaveURL(/\/login/);
});

/** Lets a refresh through and shortens what it says of the token's life to 31 seconds; 30 of them are a margin. */
async function expireSoon(route: Route): Promise<void> {
  const answer = await route.fetch();
  const { message, rest } = unframe(RefreshSessionResponseSchema, await answer.body());
  const expires = message.tokens?.accessTokenExpireTime;
  if (expires) expires.seconds = BigInt(Math.floor(Date.now() / 1000) + 31);
  await route.fulfill({ response: answer, body: Buffer.concat([frame(RefreshSessionResponseSchema, message), rest]) });
}

test("a session that ends while a page is open asks for the password and leaves the page", async ({ server, as }) => {
  const page = await as("dev", "/profile?tab=password");
  await page.getByLabel("New password", { exact: true }).fill("half a thought");
  await endSession(page.context(), server);
  // The next call is refused.
  await page.getByLabel("Current password").fill("anything");
  await page.getByLabel("New password again").fill("half a thought");
  await page.getByRole("button", { name: "Change password" }).click();
  const dialog = page.getByRole("dialog", { name: "Log in again" });
  await dialog.getByLabel("Password").fill(server.password("dev"));
  await dialog.getByRole("button", { name: "Log in" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByLabel("New password", { exact: true })).toHaveValue("half a thought");
  await expect(page.getByText("current password").first()).toBeVisible();
});
