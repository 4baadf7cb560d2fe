import { create, toBinary } from "@bufbuild/protobuf";
import type { BrowserContext, Page, Route } from "@playwright/test";
import { RetryInfoSchema } from "~gen/google/rpc/error_details_pb";
import { StatusSchema } from "~gen/google/rpc/status_pb";
import { AUTH, endSession, expect, logIn, test } from "../support/fixtures";

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

test("a wrong password is told in words, with the correlation id of the call", async ({ server, visitor }) => {
  const page = await (await visitor({ baseURL: server.address })).newPage();
  await page.goto("/login");
  await page.getByLabel("Username or e-mail address").fill("nobody-of-this-name");
  await page.getByLabel("Password").fill("not-the-password");
  const answered = page.waitForResponse(/AuthService\/Login/);
  await page.getByRole("button", { name: "Log in" }).click();
  const alert = page.getByRole("alert");
  await expect(alert).toContainText("You are not logged in");
  const id = (await answered).headers()["x-request-id"] ?? "no id";
  await expect(alert.getByText(id)).toBeVisible();
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
  const tabs = [await context.newPage(), await context.newPage()];
  for (const tab of tabs) {
    await tab.goto("/profile");
    await expect(tab.getByRole("heading", { level: 1 })).toHaveText("Developer");
  }
  expect(refreshes(), "the second tab got its token from the first").toBe(1);

  // The token expires: the next call of each tab is refused, at the same time.
  for (const tab of tabs) await tab.route("**/flagstone.v1.RequestService/*", refuse, { times: 1 });
  await Promise.all(tabs.map((tab) => tab.getByRole("link", { name: "Requests", exact: true }).first().click()));
  for (const tab of tabs) await expect(tab.getByRole("heading", { level: 1 })).toHaveText("Requests");
  await expect.poll(refreshes).toBe(2);
  for (const tab of tabs) await expect(tab.getByRole("status", { name: "Loading" })).toHaveCount(0);
  expect(refreshes(), "only one of them used the cookie").toBe(2);

  await Promise.all([logOut(tabs[0] as Page), expect(tabs[1] as Page).toHaveURL(/\/login/)]);
});

/** Answers as the server does to a token that has expired. */
const refuse = (route: Route) =>
  route.fulfill({ headers: { "content-type": "application/grpc-web+proto", "grpc-status": "16" }, body: "" });

test("a session that ends while a page is open asks for the password and leaves the page", async ({ server, as }) => {
  const page = await as("dev", "/profile?tab=password");
  const newPassword = page.getByLabel(/^New password(?! again)/);
  await newPassword.fill("half a thought");
  await endSession(page.context(), server);
  // The next call is refused.
  await page.getByLabel("Current password").fill("anything");
  await page.getByLabel("New password again").fill("half a thought");
  await page.getByRole("button", { name: "Change password" }).click();
  const dialog = page.getByRole("dialog", { name: "Log in again" });
  await dialog.getByLabel("Password").fill(server.password("dev"));
  await dialog.getByRole("button", { name: "Log in" }).click();
  await expect(dialog).toBeHidden();
  await expect(newPassword).toHaveValue("half a thought");
  await expect(page.getByText("current password").first()).toBeVisible();
});

test("a password that was given by somebody else is changed before anything else", async ({ another, visitor }) => {
  const server = await another({ production: true });
  const page = await (await visitor({ baseURL: server.address })).newPage();
  await page.goto("/profile");
  await page.getByLabel("Username or e-mail address").fill("admin");
  await page.getByLabel("Password").fill(server.password("admin"));
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Choose a new password");
  // There is no way around it.
  await page.goto("/requests");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Choose a new password");
  const fill = async (next: string) => {
    await page.getByLabel(/^Current password/).fill(server.password("admin"));
    await page.getByLabel(/^New password(?! again)/).fill(next);
    await page.getByLabel(/^New password again/).fill(next);
    await page.getByRole("button", { name: "Change password" }).click();
  };
  await fill("short");
  await expect(page.getByLabel(/^New password(?! again)/)).toHaveAttribute("aria-invalid", "true");
  await fill("a-password-of-ones-own");
  await expect(page).toHaveURL(/\/requests/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Requests");
});

test("a server that asks to wait says why and how long, and the page goes on by itself", async ({
  server,
  visitor,
}) => {
  const context = await visitor({ baseURL: server.address });
  await logIn(context, server, "dev");
  const page = await context.newPage();
  const message = "More than 60 calls a minute of this address.";
  const wait = toBinary(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: { seconds: 4n } }));
  const details = [{ typeUrl: "type.googleapis.com/google.rpc.RetryInfo", value: wait }];
  const status = toBinary(StatusSchema, create(StatusSchema, { code: 8, message, details }));
  let asked = 0;
  await page.route("**/RefreshSession", async (route: Route) => {
    asked += 1;
    if (asked > 1) return route.continue();
    await route.fulfill({
      headers: {
        "content-type": "application/grpc-web+proto",
        "grpc-status": "8",
        "grpc-message": message,
        "grpc-status-details-bin": Buffer.from(status).toString("base64"),
      },
    });
  });
  await page.goto("/requests?unit=-");
  const alert = page.getByRole("alert");
  await expect(alert).toContainText(message);
  await expect(alert).toContainText(/Try again in [1-4] s/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Requests");
  expect(asked).toBe(2);
});
