// Files that the browser saves.

/** Saves a file under a name. */
export function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** The time of now, as a file may be called. */
export function fileTime(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(":", "-");
}
