// The table that a run prints and keeps.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { root } from "../../tests/web/support/machine";

export interface Row {
  what: string;
  /** As people read it. */
  value: string;
  aim?: string;
  /** Left out where there is no aim. */
  reached?: boolean;
}

const rows: Row[] = [];

export function note(...measured: Row[]): void {
  rows.push(...measured);
}

/** The value below which a share of the values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const milliseconds = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

/** Prints the table and writes it to benches/WEB.md. */
export function finish(chromium: string): void {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
  const machine = `${cpus().length} cores (${cpus()[0]?.model ?? "unknown"}), ${Math.round(totalmem() / 1e9)} GB of memory`;
  const date = new Date().toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
  const cells = rows.map(({ what, value, aim = "", reached }) => [
    what,
    value,
    aim,
    reached === undefined ? "" : reached ? "reached" : "missed",
  ]);
  const table = [["", "Measured", "Aim", ""], ["---", "---", "---", "---"], ...cells];
  const lines = table.map((row) => `| ${row.join(" | ")} |`);
  const text = [
    "## The web client",
    "",
    `${machine}; ${date}; commit ${commit}; Chromium ${chromium} without a graphics card, browser, server and database on the`,
    "same cores. `make bench-web` runs all of it and writes this file.",
    "",
    ...lines,
    "",
  ].join("\n");
  writeFileSync(join(root, "benches/WEB.md"), text);
  console.log(`\n${text}`);
}
