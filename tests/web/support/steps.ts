// What people do in the browser, step by step, as they see it.

import { expect, type Locator, type Page } from "@playwright/test";

/** The state in the head of an object's page. */
export const stateOf = (page: Page): Locator => page.getByRole("main").locator("header span[data-state]").first();

/** Where one decides. */
export const decisionOf = (page: Page): Locator => page.getByRole("region", { name: "Decision" });

export interface Bundle {
  id: string;
  name?: string;
  label?: string;
  entries: Record<string, string>;
  rollout?: number;
  environment?: string;
}

/** Fills in the order of `config-bundle`, from the first field to the last. */
export async function fillBundle(page: Page, { id, entries, rollout, ...more }: Bundle): Promise<void> {
  await page.getByRole("radio", { name: more.environment ?? "Development" }).check();
  await page.getByRole("textbox", { name: "Deployment id" }).fill(id);
  const inputs = page.getByRole("group", { name: "Inputs", exact: true });
  await inputs.getByRole("textbox", { name: /^Name/ }).fill(more.name ?? "limits");
  await inputs.getByRole("textbox", { name: /^Label/ }).fill(more.label ?? "blue");
  for (const [index, [key, value]] of Object.entries(entries).entries()) {
    await inputs.getByRole("button", { name: "Add to entries" }).click();
    await inputs.getByRole("textbox", { name: `Key of Entries ${index + 1}` }).fill(key);
    await inputs.getByRole("textbox", { name: `Value of ${key}` }).fill(value);
  }
  if (rollout !== undefined) await inputs.getByRole("textbox", { name: /^Rollout time/ }).fill(String(rollout));
  await fillTags(page);
}

/** Fills in the tags that policies ask for, once they have asked. */
export async function fillTags(page: Page): Promise<void> {
  const tags = page.getByRole("group", { name: "Tags", exact: true });
  for (const [key, value] of [
    ["team", "core"],
    ["owner", "dev"],
    ["purpose", "tests"],
  ] as const) {
    await tags.getByRole("textbox", { name: key }).fill(value);
  }
}

/** Goes on to the second step, once the platform has nothing against it. */
export async function review(page: Page): Promise<void> {
  const verdict = page.getByRole("complementary", { name: "Verdict" });
  await expect(verdict.getByRole("status").filter({ hasText: /^Can be/ })).toBeVisible();
  await page.getByRole("button", { name: "Review request" }).click();
  await expect(page).toHaveURL(/step=review/);
}

/** Looks at what was filled in and sends it; answers with the request's code. */
export async function reviewAndSend(page: Page, send: string | RegExp): Promise<string> {
  await review(page);
  await page.getByRole("button", { name: send }).click();
  return codeOf(page);
}

/** The code of the request whose page is open. */
export async function codeOf(page: Page): Promise<string> {
  await expect(page).toHaveURL(/\/requests\/R-\d+/);
  return new URL(page.url()).pathname.split("/").at(-1) ?? "";
}

/** The numbers beside the lines of a log that are shown, and the lines. */
export function shownLines(page: Page): Promise<{ number: number; text: string }[]> {
  return page.getByRole("log").evaluate((log) =>
    [...log.querySelectorAll("[data-seq]")].map((row) => ({
      number: Number(row.getAttribute("data-seq")),
      text: row.textContent ?? "",
    })),
  );
}

/** The link of a dialog that shows it this once; the dialog is closed. */
export async function takeLink(page: Page): Promise<string> {
  const link = (await page.getByRole("status", { name: "link" }).textContent()) ?? "";
  await page.getByRole("button", { name: "I have copied the link" }).click();
  return link;
}
