/** Keys, as they stand on the keyboard. */
export function Kbd({ keys }: { keys: string }) {
  return (
    <span className="inline-flex gap-0.5">
      {keys.split(" ").map((key) => (
        <kbd key={key} className="rounded-sm border border-line bg-surface px-1 text-muted text-xs leading-4">
          {key}
        </kbd>
      ))}
    </span>
  );
}
