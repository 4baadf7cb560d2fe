// Labels of a runner as they are typed: `tier=production, zone=a`.

export interface ReadLabels {
  labels: Record<string, string>;
  /** Why they cannot be read. */
  problem: string | undefined;
}

/** Reads them; the server judges keys and values. */
export function readLabels(typed: string): ReadLabels {
  const labels: Record<string, string> = {};
  for (const part of typed.split(/[\s,]+/).filter(Boolean)) {
    const at = part.indexOf("=");
    if (at < 1 || at === part.length - 1) return { labels: {}, problem: `“${part}” is not key=value.` };
    const key = part.slice(0, at);
    if (key in labels) return { labels: {}, problem: `The label ${key} is there twice.` };
    labels[key] = part.slice(at + 1);
  }
  return { labels, problem: undefined };
}
