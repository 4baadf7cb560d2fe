// A real OpenID Connect provider as a process of its own, npm's `oidc-provider` out of tests/oidc: somebody else who
// vouches for people.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { SsoProviderKind, SsoProviderService } from "~gen/flagstone/v1/sso_provider_service_pb";
import { root } from "./machine";
import type { Server } from "./server";

const SCRIPTS = join(root, "tests/oidc");

/** Why tests of logins through a provider cannot run here; nothing where they can. */
export function noIssuer(): string | false {
  if (existsSync(join(SCRIPTS, "node_modules/oidc-provider"))) return false;
  return "oidc-provider is not installed: run `npm install` in tests/oidc";
}

/** What can become of the next ID token. */
type Tampering = "nonce" | "audience" | "issuer" | "expired" | "none" | "hs256" | "foreign_key" | "no_token";

export class Issuer {
  private constructor(
    readonly address: string,
    private readonly clientId: string,
    private readonly clientSecret: string,
    private readonly process: ChildProcess,
  ) {}

  /** One that sends people back to a server. */
  static async start(server: Server): Promise<Issuer> {
    const child = spawn(
      process.execPath,
      [join(SCRIPTS, "provider.mjs"), "--redirect", `${server.address}/auth/sso/callback`],
      // It ends with its input, even where this process is killed.
      { stdio: ["pipe", "pipe", "ignore"] },
    );
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith("{")) continue;
      const { issuer, client_id, client_secret } = JSON.parse(line);
      return new Issuer(issuer, client_id, client_secret, child);
    }
    throw new Error("The provider did not start.");
  }

  /** Makes it a provider of the server's organization. */
  async join(server: Server, id: string, displayName: string): Promise<void> {
    const providers = (await server.person("admin")).client(SsoProviderService);
    await providers.createSsoProvider({
      ssoProviderId: id,
      ssoProvider: {
        displayName,
        kind: SsoProviderKind.OIDC,
        issuer: this.address,
        clientId: this.clientId,
        clientSecret: this.clientSecret,
        active: true,
      },
    });
  }

  /** Lets something go wrong with the next login. */
  async tamper(how: Tampering): Promise<void> {
    const { ok } = await fetch(`${this.address}/test/tamper`, { method: "POST", body: JSON.stringify({ how }) });
    if (!ok) throw new Error("The provider did not listen.");
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null) return;
    this.process.kill();
    await once(this.process, "exit");
  }
}
