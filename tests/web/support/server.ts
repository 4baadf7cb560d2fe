// The real server as a process of its own: `flagstone-server dev` with a database, templates and accounts of its own.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, cpSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { AuthService } from "~gen/flagstone/v1/auth_service_pb";
import { BusinessUnitService } from "~gen/flagstone/v1/business_unit_service_pb";
import { type Request, RequestState } from "~gen/flagstone/v1/request_service_pb";
import { UserService } from "~gen/flagstone/v1/user_service_pb";
import { built, installed, mirror, root, webClient } from "./machine";
import { type Account, Person } from "./person";
import { writeWideTemplate } from "./wide";

/** The accounts of `flagstone-server dev`. */
export type Who = "admin" | "dev" | "approver";

/** Templates that ship, and those of the tests. */
const TEMPLATES = ["templates", "tests/it/templates", "tests/web/templates"];

const START_LIMIT = 60_000;

/** The administrator's first password where the server runs for a company. */
const FIRST_PASSWORD = "given-only-for-the-first-login";

export interface ServerOptions {
  /** Jobs at a time; 0 for no runner. */
  runners?: number;
  /** Settings beside the usual ones. */
  environment?: Record<string, string>;
  /** As a company runs it: nobody is there but an administrator, who has to choose a password first. */
  production?: boolean;
}

export class Server {
  #child: ChildProcess | undefined;
  #production: Promise<Record<string, string>> | undefined;
  readonly #people = new Map<Who, Promise<Person>>();

  private constructor(
    readonly port: number,
    readonly data: string,
    readonly options: ServerOptions,
  ) {}

  /** Starts one and waits until it serves. */
  static async start(options: ServerOptions = {}): Promise<Server> {
    const data = mkdtempSync(join(tmpdir(), "flagstone-web-"));
    // PostgreSQL may run as another user, who must get through.
    chmodSync(data, 0o711);
    for (const place of TEMPLATES) cpSync(join(root, place), join(data, "templates"), { recursive: true });
    writeWideTemplate(join(data, "templates"));
    const server = new Server(await freePort(), data, options);
    await server.startAgain();
    return server;
  }

  /** What browsers are told. */
  get address(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What it has printed so far. */
  log(): string {
    return readFileSync(join(this.data, "log"), "utf8");
  }

  password(who: Who): string {
    if (this.options.production) return FIRST_PASSWORD;
    return JSON.parse(readFileSync(join(this.data, "state/accounts.json"), "utf8"))[who];
  }

  /** Somebody with a session of their own outside the browser, for what a test takes as given. */
  person(who: Who): Promise<Person> {
    const known = this.#people.get(who) ?? Person.logIn(this.address, who, this.password(who));
    this.#people.set(who, known);
    return known;
  }

  /** Makes an account; with a role it is a member of a business unit. The person has chosen a password. */
  async account(id: string, member?: { unit: string; role: string }): Promise<Account> {
    const admin = await this.person("admin");
    const email = `${id}@example.org`;
    const fullName = `${id.charAt(0).toUpperCase()}${id.slice(1)} Example`;
    const { user, link } = await admin.client(UserService).createUser({ user: { email, fullName } });
    const password = randomBytes(12).toString("base64url");
    await admin.client(AuthService).acceptPasswordReset({ token: new URL(link).hash.slice(1), password });
    if (member) {
      const { unit: parent, role } = member;
      await admin.client(BusinessUnitService).addBusinessUnitMember({ parent, email, role: `roles/${role}` });
    }
    return { name: user?.name ?? "", fullName, email, password };
  }

  /** From now on people decide in development, too. */
  async letPeopleDecide(): Promise<void> {
    await (await this.person("admin")).setAutoApproval(false);
  }

  /** A request of the developer, approved by the approver and carried out. */
  async carriedOut(ordered: Promise<Request>): Promise<Request> {
    const [dev, approver] = [await this.person("dev"), await this.person("approver")];
    const { name } = await ordered;
    await approver.approve(await dev.until(name, RequestState.PENDING_APPROVAL));
    return dev.until(name, RequestState.COMPLETED);
  }

  /** Starts it on what it left. */
  async startAgain(): Promise<void> {
    const { PATH = "", HOME = "" } = process.env;
    const log = openSync(join(this.data, "log"), "a");
    if (this.options.production) this.#production ??= productionSettings();
    const production = await this.#production;
    const child = spawn(built("flagstone-server"), [production ? "serve" : "dev"], {
      cwd: this.data,
      // Nothing of the shell's environment: no TF_CLI_CONFIG_FILE, no AWS account, no setting of another server.
      env: {
        PATH,
        HOME,
        CHECKPOINT_DISABLE: "1",
        FLAGSTONE_DATA_DIR: join(this.data, "state"),
        FLAGSTONE_LISTEN: `127.0.0.1:${this.port}`,
        FLAGSTONE_TEMPLATES_DIR: join(this.data, "templates"),
        FLAGSTONE_WEB_DIR: webClient(),
        FLAGSTONE_TERRAFORM_MIRROR: mirror,
        FLAGSTONE_RUNNER_CAPACITY: String(this.options.runners ?? 2),
        // Tests are quicker than people.
        FLAGSTONE_CALLS_PER_MINUTE: "100000",
        ...production,
        ...this.options.environment,
      },
      stdio: ["ignore", log, log],
    });
    this.#child = child;
    process.once("exit", () => child.kill("SIGKILL"));
    const limit = Date.now() + START_LIMIT;
    while (!(await isReady(this.address))) {
      if (child.exitCode !== null || Date.now() > limit) throw new Error(`The server did not start:\n${this.log()}`);
      await pause(50);
    }
  }

  /** Asks it to end and waits until it has. */
  async end(signal: NodeJS.Signals = "SIGINT"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    const hard = setTimeout(() => child.kill("SIGKILL"), 20_000);
    await ended;
    clearTimeout(hard);
  }

  /** Ends it and removes what it made. */
  async remove(): Promise<void> {
    await this.end();
    rmSync(this.data, { recursive: true, force: true });
  }
}

/** What `serve` does not make for itself; the database is gone when the tests are. */
async function productionSettings(): Promise<Record<string, string>> {
  const { stdout } = await promisify(execFile)(join(root, "tests/postgres.sh"), [String(process.pid)]);
  const environment = {
    DATABASE_URL: stdout.trim(),
    FLAGSTONE_MASTER_KEY: randomBytes(32).toString("hex"),
    FLAGSTONE_ADMIN_PASSWORD: FIRST_PASSWORD,
  };
  await promisify(execFile)(built("flagstone-server"), ["migrate"], { env: { ...process.env, ...environment } });
  return environment;
}

/** A program that is run in place of Terraform: before an apply it prints what a script prints. */
export function printingTerraform(script: string): Record<string, string> {
  const path = join(mkdtempSync(join(tmpdir(), "flagstone-terraform-")), "terraform");
  const before = `for argument; do if [ "$argument" = apply ]; then ${script}; fi; done`;
  writeFileSync(path, `#!/bin/sh\n${before}\nexec '${installed("terraform")}' "$@"\n`, { mode: 0o755 });
  return { FLAGSTONE_TERRAFORM: path };
}

async function isReady(address: string): Promise<boolean> {
  try {
    return (await fetch(`${address}/readyz`)).ok;
  } catch {
    return false;
  }
}

/** A port that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
