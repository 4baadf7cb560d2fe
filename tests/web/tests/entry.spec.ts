// The ways into the platform beside the password that one knows, and the ends of a session that others bring about.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "@playwright/test";
import { expect, test, UNIT } from "../support/fixtures";
import { built } from "../support/machine";
import type { Server } from "../support/server";
import { takeLink } from "../support/steps";

const PASSWORD = "plum-anchor-violin-93";

/** The account menu of somebody who is in. */
const accountOf = (page: Page, fullName: string) => page.getByRole("button", { name: `Account of ${fullName}` });

/** What a page shows whose session has ended. */
const loginAgain = (page: Page) => page.getByRole("dialog", { name: "Log in again" });

test("somebody is invited, joins by the link, and the link is used up", async ({ server, as, visitor }) => {
  const admin = await as("admin", "/admin/business-units/sandbox");
  await admin.getByRole("button", { name: "Invite", exact: true }).click();
  const dialog = admin.getByRole("dialog", { name: "Invite somebody" });
  await dialog.getByLabel("E-mail address").fill("inga@example.org");
  await dialog.getByLabel("Role").selectOption({ label: "Developer" });
  await dialog.getByRole("button", { name: "Make invitation" }).click();
  const link = await takeLink(admin);
  await expect(admin.getByRole("table", { name: "Open invitations" }).getByText("inga@example.org")).toBeVisible();

  const page = await (await visitor({ baseURL: server.address })).newPage();
  await page.goto(link);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(/^Join /);
  await expect(page.getByText("inga@example.org")).toBeVisible();
  await expect(page.getByText(/^Developer, in /)).toBeVisible();
  await page.getByLabel("Your name").fill("Inga Example");
  await page.getByLabel(/^Password/).fill("inga");
  await page.getByRole("button", { name: "Join" }).click();
  await expect(page.getByLabel(/^Password/), "what a password needs is told beside it").toHaveAttribute(
    "aria-invalid",
    "true",
  );
  await page.getByLabel(/^Password/).fill(PASSWORD);
  await page.getByRole("button", { name: "Join" }).click();
  await expect(accountOf(page, "Inga Example")).toBeVisible();
  await page.goto("/templates/config-bundle/order");
  await expect(page.getByText("Nothing is made before a plan is approved.")).toBeVisible();

  const again = await (await visitor({ baseURL: server.address })).newPage();
  await again.goto(link);
  await expect(again.getByText("This invitation does not work")).toBeVisible();
  expect(server.log(), "the token in the log").not.toContain(new URL(link).hash.slice(1));
});

test("a password is chosen by a link that an administrator made; what was open before ends", async ({
  server,
  as,
  visitor,
}) => {
  const rosa = await server.account("rosa", { unit: UNIT, role: "viewer" });
  const before = await as(rosa, "/requests");
  const admin = await as("admin", "/admin/users/rosa");
  await admin.getByRole("button", { name: "Reset password" }).click();
  await admin.getByRole("button", { name: "Make reset link" }).click();
  const link = await takeLink(admin);

  const page = await (await visitor({ baseURL: server.address })).newPage();
  await page.goto(link);
  await page.getByLabel(/^New password/).fill(PASSWORD);
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(accountOf(page, rosa.fullName)).toBeVisible();
  await expect(loginAgain(before)).toBeVisible();

  const again = await (await visitor({ baseURL: server.address })).newPage();
  await again.goto(link);
  await again.getByLabel(/^New password/).fill(`${PASSWORD}-again`);
  await again.getByRole("button", { name: "Set password" }).click();
  await expect(again.getByText("This link does not work")).toBeVisible();
});

test("a session that is ended on another device is over there, too", async ({ server, as }) => {
  const sven = await server.account("sven", { unit: UNIT, role: "viewer" });
  const left = await as(sven, "/requests");
  const page = await as(sven, "/profile?tab=sessions");
  const sessions = page.getByRole("list", { name: "Sessions" }).getByRole("listitem");
  await expect(sessions).toHaveCount(2);
  await sessions.getByRole("button", { name: /^End / }).click();
  await expect(page.getByText("1 session ended.")).toBeVisible();
  await expect(sessions).toHaveCount(1);
  await expect(loginAgain(left)).toBeVisible();
});

test("the page of somebody who is deactivated ends, and no login opens another", async ({ server, as }) => {
  const dora = await server.account("dora", { unit: UNIT, role: "developer" });
  const page = await as(dora, "/requests");
  const admin = await as("admin", "/admin/users/dora");
  await admin.getByRole("button", { name: "Deactivate user" }).click();
  await admin.getByRole("dialog").getByRole("button", { name: "Deactivate user" }).click();
  await expect(loginAgain(page)).toBeVisible();
  await loginAgain(page).getByLabel("Password").fill(dora.password);
  await loginAgain(page).getByRole("button", { name: "Log in" }).click();
  await expect(loginAgain(page).getByRole("alert")).toBeVisible();
  await page.reload();
  await expect(page).toHaveURL(/\/login/);
});

/** `flagstone login --device` on a machine of its own, as far as the address that it prints. */
class Terminal {
  readonly home = mkdtempSync(join(tmpdir(), "flagstone-terminal-"));
  #login: ChildProcess | undefined;

  constructor(private readonly server: Server) {}

  #arguments(command: string[]): string[] {
    return ["--server", this.server.address, "--config-dir", this.home, ...command];
  }

  /** Begins a login; answers with the page on which it is confirmed. */
  async beginLogin(): Promise<string> {
    const child = spawn(built("flagstone"), this.#arguments(["login", "--device"]), {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#login = child;
    let printed = "";
    for await (const chunk of child.stderr) {
      printed += chunk;
      const address = /^or open (\S+)\n/m.exec(printed)?.[1];
      if (address) return address;
    }
    throw new Error(`The terminal printed no address: ${printed}`);
  }

  /** How the login ended. */
  async ended(): Promise<number | null> {
    const child = this.#login;
    if (!child) return null;
    if (child.exitCode === null) await once(child, "exit");
    return child.exitCode;
  }

  async run(...command: string[]): Promise<string> {
    return (await promisify(execFile)(built("flagstone"), this.#arguments(command))).stdout;
  }

  remove(): void {
    this.#login?.kill();
    rmSync(this.home, { recursive: true });
  }
}

test("a terminal that waits is let in from the browser, and turned out again", async ({ server, as }) => {
  const tilda = await server.account("tilda", { unit: UNIT, role: "developer" });
  const terminal = new Terminal(server);
  try {
    const page = await as(tilda, new URL(await terminal.beginLogin()).toString());
    await expect(page.getByText("Only if you asked for it yourself")).toBeVisible();
    await expect(page.getByText(tilda.fullName, { exact: false }).last()).toBeVisible();
    await page.getByRole("button", { name: "Let this device in" }).click();
    await expect(page.getByText("The device is let in")).toBeVisible();
    expect(await terminal.ended()).toBe(0);
    expect(await terminal.run("whoami")).toContain(tilda.email);

    await page.getByRole("link", { name: "Look at your sessions" }).click();
    await page.getByRole("button", { name: /^End session of flagstone on / }).click();
    await expect(page.getByText("1 session ended.")).toBeVisible();
    await expect(terminal.run("whoami")).rejects.toMatchObject({ code: 3 });
  } finally {
    terminal.remove();
  }
});

test("a terminal that nobody knows is refused", async ({ server, as }) => {
  const terminal = new Terminal(server);
  try {
    const page = await as("dev", new URL(await terminal.beginLogin()).toString());
    await page.getByRole("button", { name: "Refuse it" }).click();
    await expect(page.getByText("The device was refused")).toBeVisible();
    expect(await terminal.ended()).not.toBe(0);
  } finally {
    terminal.remove();
  }
});
