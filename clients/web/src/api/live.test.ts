import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WatchService } from "~/gen/flagstone/v1/watch_service_pb";

/** The watches that are open, by the objects that they follow. */
const open = vi.hoisted(() => new Set<string>());
const told = vi.hoisted(() => [] as string[]);

vi.mock("./client", () => ({
  session: { refresh: () => Promise.resolve() },
  transport: createRouterTransport(({ service }) => {
    service(WatchService, {
      watchChanges: async function* ({ parent, objectTypes, objects }, { signal }) {
        if (parent === "businessUnits/nowhere") throw new ConnectError("not found", Code.NotFound);
        const watch = [...objectTypes, ...objects].join(" ");
        open.add(watch);
        yield { event: { case: "open" as const, value: { cursor: "1" } } };
        yield { event: { case: "access" as const, value: { etag: `of ${watch}` } } };
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        open.delete(watch);
      },
    });
  }),
}));
vi.mock("./access", () => ({ noteAccess: (etag: string) => told.push(etag) }));

const { useAccess, useLive } = await import("./live");

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test("one stream tells what the person may do: that of the page, or else that of the frame", async () => {
  const settle = () => vi.advanceTimersByTimeAsync(1_500);
  const frame = renderHook(() => useAccess());
  const page = renderHook(() => useLive({ types: ["team"] }));
  await settle();
  expect([...open]).toEqual(["team"]);
  expect(told).toEqual(["of team"]);

  // The next page follows nothing.
  page.unmount();
  await settle();
  expect([...open]).toEqual(["user users/me"]);
  expect(told).toEqual(["of team", "of user users/me"]);

  const another = renderHook(() => useLive({ types: ["role"] }));
  await settle();
  expect([...open]).toEqual(["role"]);
  another.unmount();

  // That of the page is refused for good.
  const refused = renderHook(() => useLive({ parent: "businessUnits/nowhere", types: ["request"] }));
  await settle();
  expect([...open]).toEqual(["user users/me"]);
  refused.unmount();
  frame.unmount();
  await settle();
  expect([...open]).toEqual([]);
});
