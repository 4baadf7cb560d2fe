import { useEffect, useState } from "react";
import { serverNow } from "~/api/clock";

/** The server's time, again every `period` milliseconds while the tab is shown. */
export function useNow(period: number): number {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && setNow(serverNow()), period);
    const shown = () => !document.hidden && setNow(serverNow());
    document.addEventListener("visibilitychange", shown);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [period]);
  return now;
}
