// What tests are given: a server per worker, people in browsers, and a watch on every page for what must never happen.

import { type BrowserContext, type BrowserContextOptions, test as base, expect, type Page } from "@playwright/test";
import {
  LoginRequestSchema,
  LogoutRequestSchema,
  RefreshSessionRequestSchema,
  RefreshSessionResponseSchema,
} from "~gen/flagstone/v1/auth_service_pb";
import { frame, unframe, WEB_HEADERS } from "./grpc";
import type { Account } from "./person";
import { Server, type ServerOptions, type Who } from "./server";

export { chromium, expect, type Page } from "@playwright/test";
export { type Account, bundle, UNIT } from "./person";
export type { Server, Who };

interface WorkerFixtures {
  /** A server with a runner on which people decide, shared by the tests of a worker: give objects names of their own. */
  server: Server;
}

interface TestFixtures {
  /** Starts another server, for a test that stops it or sets it otherwise. It is removed after the test. */
  another: (options?: ServerOptions) => Promise<Server>;
  /** A browser of its own in which somebody is logged in, at a page. */
  as: (who: Who | Account, path?: string, options?: BrowserContextOptions & { at?: Server }) => Promise<Page>;
  /** A browser of its own in which nobody is logged in. */
  visitor: (options?: BrowserContextOptions) => Promise<BrowserContext>;
  /** What went wrong in any page: errors of scripts, and what the content security policy stopped. A test that
   * expects some takes them out. */
  faults: string[];
}

/** Where the cookie goes. */
export const AUTH = "/flagstone.v1.AuthService";

export const test = base.extend<TestFixtures, WorkerFixtures>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from here
    async ({}, use) => {
      const server = await Server.start();
      await server.letPeopleDecide();
      await use(server);
      await server.remove();
    },
    { scope: "worker", timeout: 90_000 },
  ],

  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from here
  another: async ({}, use) => {
    const servers: Server[] = [];
    await use(async (options) => {
      const server = await Server.start(options);
      servers.push(server);
      return server;
    });
    for (const server of servers) await server.remove();
  },

  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from here
  faults: async ({}, use) => {
    const faults: string[] = [];
    await use(faults);
    expect(faults, "faults of pages").toEqual([]);
  },

  visitor: async ({ browser, faults }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (options) => {
      const context = await browser.newContext(options);
      contexts.push(context);
      await watch(context, faults);
      return context;
    });
    for (const context of contexts) await context.close();
  },

  as: async ({ server, visitor }, use) => {
    await use(async (who, path = "/", { at = server, ...options } = {}) => {
      const context = await visitor({ baseURL: at.address, ...options });
      await logIn(context, at, who);
      const page = await context.newPage();
      await page.goto(path);
      await expect(page.getByRole("main")).toBeVisible();
      return page;
    });
  },
});

/** Opens a session for a browser without the form: what a login leaves is the refresh cookie. */
export async function logIn(context: BrowserContext, server: Server, who: Who | Account): Promise<void> {
  const login =
    typeof who === "string"
      ? { identifier: who, password: server.password(who) }
      : { identifier: who.email, password: who.password };
  const data = frame(LoginRequestSchema, login);
  const answer = await context.request.post(`${server.address}${AUTH}/Login`, { headers: WEB_HEADERS, data });
  expect(answer.headers()["set-cookie"], "the session's cookie").toContain("flagstone_refresh=");
}

/** Ends a browser's session on the server, as a logout on another device does; its pages hear nothing of it. */
export async function endSession(context: BrowserContext, server: Server): Promise<void> {
  const refresh = { headers: WEB_HEADERS, data: frame(RefreshSessionRequestSchema, {}) };
  const answer = await context.request.post(`${server.address}${AUTH}/RefreshSession`, refresh);
  const { message } = unframe(RefreshSessionResponseSchema, await answer.body());
  const headers = { ...WEB_HEADERS, authorization: `Bearer ${message.tokens?.accessToken}` };
  const logout = await context.request.post(`${server.address}${AUTH}/Logout`, {
    headers,
    data: frame(LogoutRequestSchema, {}),
  });
  expect(logout.headers()["grpc-status"] ?? "0").toBe("0");
}

/** Collects what must not happen in any page. */
async function watch(context: BrowserContext, faults: string[]): Promise<void> {
  context.on("weberror", (event) => faults.push(`error: ${event.error().message}`));
  context.on("console", (message) => {
    // A refused call is shown by the page itself; the browser repeats the status of every answer and every cut.
    const text = message.text();
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) faults.push(`console: ${text}`);
  });
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`content security policy: ${event.violatedDirective} stopped ${event.blockedURI || event.sample}`);
    });
  });
}
