/** Three stones of a path. */
export function Logo() {
  return (
    <svg viewBox="0 0 16 16" className="size-6 shrink-0" role="img" aria-label="Flagstone">
      <rect width="16" height="16" rx="3.5" className="fill-accent" />
      <path
        d="M3 4.5h6.5v3H3zM10.5 4.5H13v3h-2.500zM3 8.500h3.500v3H3zM7.500 8.500H13v3H7.500z"
        className="fill-accent-ink"
      />
    </svg>
  );
}
