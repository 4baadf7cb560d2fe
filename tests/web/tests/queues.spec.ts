// Queues as those who run the platform work with them, and what whoever waits reads of it.

import { expect, test } from "../support/fixtures";

test("a pause is told to whoever waits, and one job of the queue goes all the same", async ({ another, as }) => {
  const server = await another({ runners: 0 });
  const queues = await as("admin", "/admin/queues", { at: server });
  await queues.getByRole("button", { name: "Pause Default" }).click();
  const dialog = queues.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Reason" }).fill("The provider is down.");
  await dialog.getByRole("button", { name: "Pause queue" }).click();
  await expect(queues.getByRole("table", { name: "Queues" })).toContainText("The provider is down.");

  const dev = await server.person("dev");
  const { code, jobs } = await dev.order({ id: "waits" });
  const request = await as("dev", `/requests/${code}`, { at: server });
  const why = request.getByRole("list", { name: "Why it waits" });
  await expect(why).toContainText("The provider is down.");
  await expect(why).toContainText("No runner is connected.");

  const job = await as("admin", `/${jobs[0]}`, { at: server });
  await expect(job.getByRole("list", { name: "Why it waits" })).toContainText("The provider is down.");
  await job.getByRole("button", { name: "Run now" }).click();
  await job.getByRole("dialog").getByRole("button", { name: "Run now" }).click();
  await expect(job.getByRole("dialog")).toHaveCount(0);
  await expect(job.getByRole("list", { name: "Why it waits" })).not.toContainText("The provider is down.");

  await queues.getByRole("button", { name: "Resume Default" }).click();
  await queues.getByRole("dialog").getByRole("button", { name: "Resume queue" }).click();
  await expect(queues.getByRole("button", { name: "Pause Default" })).toBeVisible();
});

test("schedules are seen with their last result, and an operator has one run now", async ({ another, as }) => {
  const server = await another({ runners: 0 });
  const page = await as("admin", "/admin/queues", { at: server });
  const schedules = page.getByRole("table", { name: "Schedules" });
  const tidy = schedules.getByRole("row").filter({ hasText: "Tidy" });
  await expect(tidy).toContainText("Not yet");
  await page.getByRole("button", { name: "Run Tidy now" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Run schedule" }).click();
  await expect(tidy).toContainText("Succeeded", { timeout: 15_000 });
});
