import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { AuthService, TokenPairSchema } from "~/gen/flagstone/v1/auth_service_pb";
import { RetryInfoSchema } from "~/gen/google/rpc/error_details_pb";
import { problemOf } from "./errors";
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
/** Too many calls; with the seconds to wait, where the server says them. */
const busy = (seconds: number | undefined) => {
  const retry = { desc: RetryInfoSchema, value: { retryDelay: { seconds: BigInt(seconds ?? 0) } } };
  return new ConnectError("busy", Code.ResourceExhausted, undefined, seconds === undefined ? [] : [retry]);
};

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
    expect(session.snapshot()).toMatchObject({ status: "unknown", failure: { code: Code.Unavailable } });
    await session.start();
    expect(session.snapshot().status).toBe("active");
    expect(refreshes[1]).toBe(refreshes[0]);
    await session.refresh();
    expect(refreshes).toHaveLength(2);
  });

  test("waits as long as the server asks, and then tries again by itself", async () => {
    const session = open();
    failures = [busy(1), busy(undefined)];
    vi.useFakeTimers();
    try {
      void session.start();
      await vi.advanceTimersByTimeAsync(100);
      expect(session.snapshot()).toMatchObject({ status: "unknown", failure: { code: Code.ResourceExhausted } });
      expect(problemOf(session.snapshot().failure).retryAfter).toBe(1_000);
      await vi.advanceTimersByTimeAsync(800);
      expect(refreshes).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(400);
      expect(refreshes, "the time that was asked for is over").toHaveLength(2);
      // It does not say how long.
      await vi.advanceTimersByTimeAsync(6_000);
      expect(session.snapshot()).toMatchObject({ status: "active", failure: undefined });
      expect(new Set(refreshes).size, "one refresh, repeated").toBe(1);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(refreshes).toHaveLength(3);
    } finally {
      vi.useRealTimers();
    }
  });

  test("that is left tries nothing more", async () => {
    const session = open();
    failures = [busy(1)];
    vi.useFakeTimers();
    try {
      void session.start();
      await vi.advanceTimersByTimeAsync(100);
      session.close();
      await vi.advanceTimersByTimeAsync(10_000);
      expect(refreshes).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
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
