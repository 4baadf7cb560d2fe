import { useSyncExternalStore } from "react";

const PHONE = "(width < 640px)";

function subscribe(listener: () => void): () => void {
  const query = window.matchMedia(PHONE);
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}

/** True on a phone, where lists have two lines per row and filters one button. */
export function useIsCompact(): boolean {
  return useSyncExternalStore(subscribe, () => window.matchMedia(PHONE).matches);
}
