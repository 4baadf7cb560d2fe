// Scrolling through more rows than a browser can lay out: an element may be some ten million pixels high, a log of a
// million lines is twice that. The scroll bar then stands for a larger distance; a small movement is still as far as it
// looks.

/** Below what Firefox and Safari lay out. */
export const HEIGHT_MAX = 12_000_000;

export interface Extent {
  /** Height of all rows. */
  total: number;
  /** Height of what is seen at once. */
  view: number;
}

/** How high the scrolled element is. */
export function heightOf({ total }: Extent): number {
  return Math.min(total, HEIGHT_MAX);
}

/** The largest offset: the last rows are in view. */
export function offsetMax({ total, view }: Extent): number {
  return Math.max(0, total - view);
}

/** How far the scroll bar can go. */
export function scrollMax(extent: Extent): number {
  return Math.max(0, heightOf(extent) - extent.view);
}

/** Where the scroll bar stands for an offset within the rows. */
export function scrollOf(offset: number, extent: Extent): number {
  const most = offsetMax(extent);
  return most === 0 ? 0 : (Math.min(offset, most) / most) * scrollMax(extent);
}

/** The offset within the rows after the scroll bar went from one place to another. */
export function offsetAfter(offset: number, from: number, to: number, extent: Extent): number {
  const most = offsetMax(extent);
  if (extent.total <= HEIGHT_MAX) return Math.min(Math.max(to, 0), most);
  if (to <= 0) return 0;
  if (to >= scrollMax(extent) - 1) return most;
  // A wheel or a key moves a little; a drag of the bar, or Home and End, moves far.
  if (Math.abs(to - from) < extent.view) return Math.min(Math.max(offset + to - from, 0), most);
  return (to / scrollMax(extent)) * most;
}
