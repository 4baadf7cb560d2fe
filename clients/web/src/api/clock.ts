// The server's clock. A browser may be an hour off: every time that is compared with one of the server's starts here.

let offset = 0;

/** Notes what the server's clock said in an answer's `date` header; a difference below two seconds is the network's. */
export function observeServerTime(header: string | null): void {
  if (!header) return;
  const server = Date.parse(header);
  if (Number.isNaN(server)) return;
  const difference = server - Date.now();
  offset = Math.abs(difference) < 2_000 ? 0 : difference;
}

/** Milliseconds since the epoch by the server's clock. */
export function serverNow(): number {
  return Date.now() + offset;
}

/** How far this browser's clock is behind the server's, in milliseconds. */
export function clockOffset(): number {
  return offset;
}
