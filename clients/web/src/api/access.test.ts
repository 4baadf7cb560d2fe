import { beforeEach, expect, test, vi } from "vitest";

const refreshAll = vi.fn();
vi.mock("./queries", () => ({ refreshAll }));

beforeEach(() => {
  vi.resetModules();
  refreshAll.mockClear();
});

test("everything is asked for again where access is not what it was, however it was told", async () => {
  const { noteAccess } = await import("./access");
  noteAccess("a");
  noteAccess("a");
  expect(refreshAll, "the first watch of a tab tells what the pages have read just now").not.toHaveBeenCalled();
  noteAccess("b");
  expect(refreshAll).toHaveBeenCalledTimes(1);
  // Another page's watch tells it again when it begins.
  noteAccess("b");
  expect(refreshAll).toHaveBeenCalledTimes(1);
  noteAccess("a");
  expect(refreshAll, "what was given was taken").toHaveBeenCalledTimes(2);
});
