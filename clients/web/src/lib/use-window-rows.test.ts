import { act, renderHook } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { useWindowRows } from "./use-window-rows";

function scroll(to: number) {
  act(() => {
    Object.assign(window, { scrollY: to });
    window.dispatchEvent(new Event("scroll"));
  });
}

const rows = { count: 10_000, height: 36, top: 200, covered: 80 };

test("only what is near the view is drawn, wherever one scrolls to", () => {
  Object.assign(window, { innerHeight: 720, scrollY: 0 });
  const { result } = renderHook(() => useWindowRows(rows));
  expect(result.current).toMatchObject({ first: 0, end: 32, top: 0 });
  scroll(200 + 36 * 5_000);
  // What the header covers is not in view.
  expect(result.current).toMatchObject({ first: 4_990, end: 5_034, top: 5_002 });
  scroll(1e9);
  expect(result.current).toMatchObject({ first: 9_987, end: 10_000, top: 9_999 });
});

test("a list without rows draws none", () => {
  scroll(0);
  expect(renderHook(() => useWindowRows({ ...rows, count: 0 })).result.current).toMatchObject({ first: 0, end: 0 });
});

test("a row that is in view does not move the page", () => {
  Object.assign(window, { innerHeight: 720 });
  scroll(0);
  const scrollTo = vi.spyOn(window, "scrollTo").mockImplementation(() => undefined);
  const { result } = renderHook(() => useWindowRows(rows));
  result.current.show(3);
  expect(scrollTo).not.toHaveBeenCalled();
  result.current.show(100);
  expect(scrollTo).toHaveBeenLastCalledWith({ top: 200 + 101 * 36 - 720 });
  scroll(200 + 36 * 50);
  result.current.show(20);
  expect(scrollTo).toHaveBeenLastCalledWith({ top: 200 + 20 * 36 - 80 });
});
