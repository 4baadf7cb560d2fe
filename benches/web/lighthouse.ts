// Lighthouse in a Chromium of its own, in which somebody may be logged in.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import lighthouse, { desktopConfig } from "lighthouse";
import { chromium, logIn } from "../../tests/web/support/fixtures";
import { chromiumOptions } from "../../tests/web/support/machine";
import { freePort, type Server, type Who } from "../../tests/web/support/server";

const CATEGORIES = ["performance", "accessibility", "best-practices"] as const;

/** The scores of a page in percent, as a desktop loads it. */
export async function lighthouseScores(server: Server, path: string, who: Who | undefined): Promise<number[]> {
  const profile = mkdtempSync(join(tmpdir(), "flagstone-lighthouse-"));
  const port = await freePort();
  const { args = [], ...options } = chromiumOptions();
  const context = await chromium.launchPersistentContext(profile, {
    ...options,
    args: [...args, `--remote-debugging-port=${port}`],
  });
  try {
    if (who) await logIn(context, server, who);
    const flags = {
      port,
      onlyCategories: [...CATEGORIES],
      logLevel: "error" as const,
      // Its storage is the session: it stays.
      disableStorageReset: true,
      // A live page never has an idle network.
      maxWaitForLoad: 10_000,
    };
    const result = await lighthouse(`${server.address}${path}`, flags, desktopConfig);
    return CATEGORIES.map((id) => Math.round((result?.lhr.categories[id]?.score ?? Number.NaN) * 100));
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
