// What this machine has: the browser, the programs that were built, the engines. Nothing is ever downloaded from here.

import { accessSync, constants, existsSync, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import type { LaunchOptions } from "@playwright/test";

/** The checkout. */
export const root = resolve(import.meta.dirname, "../../..");

/** Where reports, traces and screenshots go. */
export const reports = join(root, "target/test-report/web");

/** Where machines for tests keep a mirror of Terraform's providers; FLAGSTONE_TERRAFORM_MIRROR names another. */
export const mirror = process.env.FLAGSTONE_TERRAFORM_MIRROR ?? "/opt/tf-plugins";

/** A program of the machine, searched in PATH. */
export function installed(name: string): string | undefined {
  const candidates = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name));
  return candidates.find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Chromium: what CHROMIUM names, else the one in PATH. */
function chromium(): string {
  const found = process.env.CHROMIUM ?? installed("chromium") ?? installed("chromium-browser");
  if (!found)
    throw new Error("Chromium was not found: install it (Debian: apt-get install chromium) or name it in CHROMIUM.");
  return found;
}

/** How Chromium is started, without a sandbox or a graphics card, and without calls home. */
export function chromiumOptions(): LaunchOptions {
  return {
    executablePath: chromium(),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  };
}

/** A program of this workspace: in FLAGSTONE_BIN_DIR, else where cargo puts it. */
export function built(name: string): string {
  const folder = process.env.FLAGSTONE_BIN_DIR ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug");
  const path = join(folder, name);
  if (!isProgram(path)) throw new Error(`${path} is not there: run \`cargo build --workspace --bins\` first.`);
  return path;
}

/** The built web client: in FLAGSTONE_WEB_DIR, else where Vite puts it. */
export function webClient(): string {
  const folder = resolve(process.env.FLAGSTONE_WEB_DIR ?? join(root, "clients/web/dist"));
  if (!existsSync(join(folder, "index.html")))
    throw new Error(`${folder} has no web client: run \`scripts/web build\` first.`);
  return folder;
}

/** Why tests of plans cannot run here; nothing where they can. */
export function noTerraform(): string | false {
  return installed("terraform") ? false : "terraform was not found in PATH";
}

/** Why tests with the AWS provider cannot run here; nothing where they can. */
export function noAws(): string | false {
  if (noTerraform()) return noTerraform();
  if (!existsSync(join(mirror, "registry.terraform.io/hashicorp/aws"))) return `the AWS provider is not in ${mirror}`;
  return installed("moto_server") ? false : "moto_server is not in PATH";
}
