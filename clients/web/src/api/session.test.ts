import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { AuthService, TokenPairSchema } from "~/gen/flagstone/v1/auth_service_pb";
import { Session } from "./session";

/** Tells apart the tokens that the stand-in for the server gives out. */
let issued: number;
let refreshes: string[];
/** What the next refreshes meet before they are answered. */
let failures: (ConnectError | undefined)[];
let lifetime: number;

function tokens() {
  issued += 1;
  return { accessToken: `token-${issued}`, accessTokenExpireTime: timestampFromMs(Date.now() + lifetime) };
}

function open(): Session {
  const transport = createRouterTransport(({ service }) => {
    service(AuthService, {
      login: () => ({ tokens: tokens(), passwordChangeRequired: false }),
      refreshSession: ({ requestId }) => {
        refreshes.push(requestId);
        const failure = failures.shift();
        if (failure) throw failure;
        return { tokens: tokens() };
      },
      logout: () => ({ providerLogoutUrl: "https://id.example.org/logout" }),
    });
  });
  const session = new Session(transport);
  tabs.push(session);
  return session;
}

/** Sessions that would answer those of the next test. */
let tabs: Session[] = [];

afterEach(() => {
  for (const tab of tabs) tab.close();
  tabs = [];
});

beforeEach(() => {
  issued = 0;
  refreshes = [];
  failures = [];
  lifetime = 15 * 60_000;
  localStorage.clear();
  // jsdom has no locks. One holder at a time, as in a browser.
  let last: Promise<unknown> = Promise.resolve();
  const request = (_: string, run: () => Promise<unknown>) => {
    last = last.then(run, run);
    return last;
  };
  vi.stubGlobal("navigator", { ...navigator, locks: { request } });
});

const over = () => new ConnectError("over", Code.Unauthenticated);
const cut = () => new ConnectError("cut", Code.Unavailable);

describe("a session", () => {
  test("begins with the cookie", async () => {
    const session = open();
    await session.start();
    expect(session.snapshot().status).toBe("active");
    expect(await session.token()).toBe("token-1");
    expect(refreshes).toHaveLength(1);
  });

  test("is anonymous where the cookie opens nothing", async () => {
    failures = [over()];
    const session = open();
    await session.start();
    expect(session.snapshot().status).toBe("anonymous");
  });

  test("is unreachable where nobody answers, and repeats the refresh under its id", async () => {
    failures = [cut()];
    const session = open();
    await session.start();
    expect(session.snapshot().status).toBe("unreachable");
    await session.start();
    expect(session.snapshot().status).toBe("active");
    expect(refreshes[1]).toBe(refreshes[0]);
    await session.refresh();
    expect(refreshes).toHaveLength(2);
  });

  test("refreshes once however many calls need a token", async () => {
    const session = open();
    await session.login("dev", "secret", "");
    session.reject("token-1");
    const all = await Promise.all([session.token(), session.token(), session.token()]);
    expect(new Set(all)).toEqual(new Set(["token-2"]));
    expect(refreshes).toHaveLength(1);
  });

  test("lets calls wait until the person has logged in again", async () => {
    const session = open();
    await session.login("dev", "secret", "");
    session.reject("token-1");
    failures = [over()];
    const waiting = session.token();
    await vi.waitFor(() => expect(session.snapshot().status).toBe("expired"));
    await session.login("dev", "secret", "");
    expect(await waiting).toBe("token-2");
    expect(session.snapshot().status).toBe("active");
  });

  test("is shared by the tabs: a second one asks the first", async () => {
    const first = open();
    await first.login("dev", "secret", "");
    const second = open();
    await second.start();
    expect(await second.token()).toBe("token-1");
    expect(refreshes).toHaveLength(0);
  });

  test("renews a token before it expires", async () => {
    lifetime = 10_000;
    const session = open();
    await session.login("dev", "secret", "");
    lifetime = 60_000;
    expect(await session.token()).toBe("token-2");
  });

  test("can be opened by what is no login, and tells where the provider ends its own", async () => {
    const session = open();
    session.open(create(TokenPairSchema, tokens()));
    expect(await session.token()).toBe("token-1");
    expect(await session.logout()).toBe("https://id.example.org/logout");
  });

  test("of somebody else in another tab makes the page begin anew", async () => {
    vi.stubGlobal("location", { ...window.location, assign: vi.fn() });
    const of = (sub: string, jti = 1) =>
      create(TokenPairSchema, { ...tokens(), accessToken: `e30.${btoa(JSON.stringify({ sub, jti }))}.x` });
    const [first, second] = [open(), open()];
    first.open(of("ada"));
    await vi.waitFor(() => expect(second.snapshot().status).toBe("active"));
    first.open(of("ada", 2));
    await vi.waitFor(async () => expect(await second.token()).toBe(of("ada", 2).accessToken));
    expect(window.location.assign).not.toHaveBeenCalled();
    first.open(of("grace"));
    await vi.waitFor(() => expect(window.location.assign).toHaveBeenCalledWith("/"));
  });

  test("that ended in another tab is not handed on", async () => {
    vi.stubGlobal("location", { ...window.location, assign: vi.fn() });
    const [first, second] = [open(), open()];
    await first.login("dev", "secret", "");
    await vi.waitFor(() => expect(second.snapshot().status).toBe("active"));
    await first.logout();
    await vi.waitFor(() => expect(window.location.assign).toHaveBeenCalledWith("/login"));
    failures = [over()];
    const third = open();
    await third.start();
    expect(third.snapshot().status).toBe("anonymous");
  });
});
