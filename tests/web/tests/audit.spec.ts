// The audit in the browser: what happened, what it changed, and whether anything was changed since.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test, UNIT } from "../support/fixtures";
import { built } from "../support/machine";

test("an event is found by a filter, and shows what it changed", async ({ server, as }) => {
  const ulla = await server.account("ulla", { unit: UNIT, role: "viewer" });
  const admin = await as("admin", "/admin/business-units/sandbox");
  await admin.getByRole("button", { name: `Change role of ${ulla.fullName}` }).click();
  const change = admin.getByRole("dialog");
  await change.getByLabel("Role").selectOption({ label: "Developer" });
  await change.getByRole("button", { name: "Change role" }).click();
  await expect(change).toBeHidden();

  const page = await as("admin", "/admin/audit?unit=-&q=ulla");
  const row = page
    .getByRole("table", { name: "Audit events" })
    .getByRole("row", { name: /business_unit_member.update/ });
  await expect(row).toHaveCount(1);
  await row.getByText("business_unit_member.update").click();
  const event = page.getByRole("complementary", { name: "Audit event" });
  await expect(event.getByText("admin").first()).toBeVisible();
  await event.getByRole("button", { name: "Compare before and after" }).click();
  const diff = page.getByRole("dialog", { name: /^Before and after/ });
  await expect(diff).toContainText("viewer");
  await expect(diff).toContainText("developer");
});

test("the audit is verified, and an export of it stands before flagstone-verify", async ({ server, as }) => {
  const page = await as("admin", "/admin/audit?tab=verification");
  await page.getByRole("button", { name: "Verify entries" }).click();
  await expect(page.getByText(/^Nothing was changed, removed or inserted in entries 1 to /)).toBeVisible();

  const folder = mkdtempSync(join(tmpdir(), "flagstone-audit-"));
  try {
    const keys = join(folder, "keys.json");
    writeFileSync(keys, await (await fetch(`${server.address}/.well-known/jwks.json`)).text());
    for (const form of ["NDJSON", "CSV"]) {
      await page.getByLabel("Form").selectOption({ label: form });
      const begun = page.waitForEvent("download");
      await page.getByRole("button", { name: "Export sealed entries" }).click();
      const file = join(folder, `audit.${form.toLowerCase()}`);
      await (await begun).saveAs(file);
      await expect(page.getByText("The file is saved")).toBeVisible();
      const verify = () => promisify(execFile)(built("flagstone-verify"), [file, "--key", keys]);
      await verify();

      // One word of one entry is another: it is found.
      writeFileSync(file, readFileSync(file, "utf8").replace("users/admin", "users/adnim"));
      await expect(verify()).rejects.toMatchObject({ code: 1 });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
