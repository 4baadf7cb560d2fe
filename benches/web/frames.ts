import type { Page } from "../../tests/web/support/fixtures";

export interface Frames {
  /** Milliseconds between frames. */
  gaps: number[];
  /** Bytes of the page's own memory at the end. */
  heap: number;
}

/** Measures the time between the frames of a page while something happens in it. */
export async function frames(page: Page, happen: () => Promise<void>): Promise<Frames> {
  await page.evaluate(() => {
    const state = { gaps: [] as number[], last: performance.now(), on: true };
    Object.assign(window, { frames: state });
    const tick = (now: number) => {
      state.gaps.push(now - state.last);
      state.last = now;
      if (state.on) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  await happen();
  const gaps = await page.evaluate(() => {
    const { frames } = window as unknown as { frames: { gaps: number[]; on: boolean } };
    frames.on = false;
    // The first one began before the measurement.
    return frames.gaps.slice(1);
  });
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return { gaps, heap: usedSize };
}
