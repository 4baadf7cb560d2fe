import { useEffect, useState } from "react";

/** How many whole seconds are left of a wait; 0 once it is over. A new `key` begins a new wait. */
export function useWait(milliseconds: number | undefined, key: unknown): number {
  const [left, setLeft] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the same wait told anew is a new wait
  useEffect(() => {
    // By this browser's own clock: it measures a span, not a point in time.
    const end = performance.now() + (milliseconds ?? 0);
    const tell = () => setLeft(Math.max(0, Math.ceil((end - performance.now()) / 1_000)));
    tell();
    if (!milliseconds) return;
    const timer = setInterval(() => {
      tell();
      if (performance.now() >= end) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [milliseconds, key]);
  return left;
}
