// Pages are loaded when they are opened. When that fails, the router would reload the whole document at once: without a
// network that ends in the browser's own error page, and what was typed is gone.

const MARK = "The code of this page could not be loaded. ";

/** Marks such errors, so that the router leaves them to the error page. Called once, before anything is loaded. */
export function markMissingCode(): void {
  window.addEventListener("vite:preloadError", ({ payload }) => {
    if (!payload.message.startsWith(MARK)) payload.message = MARK + payload.message;
  });
}

/** Whether a page failed because its code is not there. */
export function isMissingCode(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith(MARK);
}
