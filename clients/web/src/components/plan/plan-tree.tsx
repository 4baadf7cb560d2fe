// The resources of a plan as a tree grid: rows are drawn as they come into view, arrows move and open.

import { useVirtualizer } from "@tanstack/react-virtual";
import {
  ArrowRight,
  ChevronDown,
  ChevronRight,
  Download,
  Eye,
  type LucideIcon,
  MoveRight,
  Pencil,
  Plus,
  RefreshCcw,
  Trash2,
  TriangleAlert,
  Unlink,
} from "lucide-react";
import { type KeyboardEvent, memo, type ReactNode, useRef, useState } from "react";
import { ValueView } from "~/components/values";
import { type AttributeChange, ResourceAction, type ResourceChange } from "~/gen/flagstone/v1/request_service_pb";
import { cn } from "~/lib/cn";
import { count, formatNumber } from "~/lib/format";
import { jsonOf } from "~/lib/json-diff";
import type { PlanRow } from "~/lib/plan";

interface ActionLook {
  /** Before the number: "Creates 4 resources". */
  verb: string;
  icon: LucideIcon;
  classes: string;
  /** What else there is to know. */
  note?: string;
}

const UNKNOWN: ActionLook = { verb: "Touches", icon: Pencil, classes: "text-muted" };

const ACTIONS: Partial<Record<ResourceAction, ActionLook>> = {
  [ResourceAction.REPLACE]: {
    verb: "Replaces",
    icon: RefreshCcw,
    classes: "text-failed",
    note: "destroyed and made anew",
  },
  [ResourceAction.DESTROY]: { verb: "Destroys", icon: Trash2, classes: "text-failed" },
  [ResourceAction.UPDATE]: { verb: "Changes", icon: Pencil, classes: "text-waiting", note: "in place" },
  [ResourceAction.CREATE]: { verb: "Creates", icon: Plus, classes: "text-succeeded" },
  [ResourceAction.IMPORT]: { verb: "Imports", icon: Download, classes: "text-muted", note: "taken into the state" },
  [ResourceAction.MOVE]: { verb: "Moves", icon: MoveRight, classes: "text-muted", note: "only the address changes" },
  [ResourceAction.FORGET]: {
    verb: "Forgets",
    icon: Unlink,
    classes: "text-muted",
    note: "leaves the state and stays where it is",
  },
  [ResourceAction.READ]: { verb: "Reads", icon: Eye, classes: "text-muted", note: "during the apply" },
};

/** The height of a row of one line, so that measuring it changes nothing. */
const ROW = 33;

/** Fewer rows than this are all drawn: the browser's own search finds them. */
const DRAW_ALL = 150;

export interface PlanTreeProps {
  rows: readonly PlanRow[];
  onToggle: (row: PlanRow) => void;
}

export function PlanTree({ rows, onToggle }: PlanTreeProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState(0);
  const focused = Math.min(current, rows.length - 1);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW,
    getItemKey: (index) => rows[index]?.key ?? index,
    overscan: rows.length <= DRAW_ALL ? DRAW_ALL : 12,
  });

  const items = virtual.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);

  const focus = (index: number) => {
    const next = Math.min(Math.max(index, 0), rows.length - 1);
    setCurrent(next);
    virtual.scrollToIndex(next);
    // The row may only now come into being.
    requestAnimationFrame(() => frame.current?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus());
  };
  const parentOf = (index: number) => {
    const level = levelOf(rows[index]);
    for (let above = index - 1; above >= 0; above -= 1) if (levelOf(rows[above]) < level) return above;
    return index;
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const row = rows[focused];
    const onRow = event.target === event.currentTarget;
    if (!row || !onRow || event.ctrlKey || event.metaKey || event.altKey) return;
    const open = "open" in row ? row.open : undefined;
    switch (event.key) {
      case "ArrowDown":
        focus(focused + 1);
        break;
      case "ArrowUp":
        focus(focused - 1);
        break;
      case "Home":
        focus(0);
        break;
      case "End":
        focus(rows.length - 1);
        break;
      case "ArrowRight":
        if (open === false) onToggle(row);
        else if (open) focus(focused + 1);
        break;
      case "ArrowLeft":
        if (open) onToggle(row);
        else focus(parentOf(focused));
        break;
      case "Enter":
      case " ":
        if (open !== undefined) onToggle(row);
        break;
      default:
        return;
    }
    event.preventDefault();
  };

  return (
    <div ref={frame} className="max-h-[70vh] overflow-y-auto rounded-md border border-line">
      {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a table whose rows open and close is a tree grid */}
      <table role="treegrid" aria-label="Resource changes" aria-rowcount={rows.length} className="w-full table-fixed">
        <tbody>
          {before > 0 && <tr aria-hidden style={{ height: before }} />}
          {items.map(({ index, key }) => {
            const row = rows[index];
            if (!row) return null;
            const open = "open" in row ? row.open : undefined;
            return (
              <tr
                key={key}
                ref={virtual.measureElement}
                data-index={index}
                tabIndex={index === focused ? 0 : -1}
                aria-rowindex={index + 1}
                aria-level={levelOf(row)}
                aria-expanded={open}
                aria-posinset={row.kind === "resource" ? row.position + 1 : undefined}
                aria-setsize={row.kind === "resource" ? row.siblings : undefined}
                onFocus={() => setCurrent(index)}
                onClick={() => {
                  // A selection of text is no click.
                  if (open !== undefined && !window.getSelection()?.toString()) onToggle(row);
                }}
                onKeyDown={onKeyDown}
                className={cn(
                  "border-line border-b align-top outline-offset-[-2px] last:border-b-0",
                  open !== undefined && "cursor-pointer hover:bg-hover",
                  row.kind === "group" && "bg-surface",
                )}
              >
                <td className="px-2 py-1.5">
                  <RowContent row={row} />
                </td>
              </tr>
            );
          })}
          {after > 0 && <tr aria-hidden style={{ height: after }} />}
        </tbody>
      </table>
    </div>
  );
}

function levelOf(row: PlanRow | undefined): number {
  return row?.kind === "group" ? 1 : row?.kind === "resource" ? 2 : 3;
}

/** Drawn once: a row that scrolls along does not change. */
const RowContent = memo(function RowContent({ row }: { row: PlanRow }) {
  switch (row.kind) {
    case "group": {
      const { verb, icon: Icon, classes, note } = ACTIONS[row.action] ?? UNKNOWN;
      return (
        <div className="flex items-center gap-2">
          <Chevron open={row.open} />
          <Icon aria-hidden className={cn("size-4 shrink-0", classes)} />
          <span className="font-semibold">
            {verb} {row.count < row.total && `${formatNumber(row.count)} of `}
            {count(row.total, "resource")}
          </span>
          {note && <span className="text-muted text-sm">{note}</span>}
        </div>
      );
    }
    case "resource":
      return <ResourceContent change={row.change} open={row.open} />;
    case "attribute":
      return <AttributeContent attribute={row.attribute} action={row.change.action} />;
    case "empty":
      return <p className="pl-12 text-muted">No attribute changes.</p>;
  }
});

function Chevron({ open }: { open: boolean }) {
  const Icon = open ? ChevronDown : ChevronRight;
  return <Icon aria-hidden className="size-4 shrink-0 text-muted" />;
}

function ResourceContent({ change, open }: { change: ResourceChange; open: boolean }) {
  const { icon: Icon, classes } = ACTIONS[change.action] ?? UNKNOWN;
  return (
    <div className="flex items-start gap-2 pl-4">
      <span className="flex h-5 items-center gap-2">
        <Chevron open={open} />
        <Icon aria-hidden className={cn("size-3.5 shrink-0", classes)} />
      </span>
      <span className="flex min-w-0 flex-1 flex-wrap items-baseline gap-x-2">
        <code>{change.address}</code>
        {change.previousAddress && (
          <span className="text-muted text-sm">
            was <code>{change.previousAddress}</code>
          </span>
        )}
        {change.reason && <span className="basis-full text-muted text-sm">{change.reason}</span>}
      </span>
      <span className="shrink-0 text-muted text-sm tabular-nums">
        {change.attributes.length > 0 && count(change.attributes.length, "attribute")}
      </span>
    </div>
  );
}

function AttributeContent({ attribute, action }: { attribute: AttributeChange; action: ResourceAction }) {
  const before = jsonOf(attribute.before);
  const after = jsonOf(attribute.after);
  const { sensitive, unknown } = attribute;
  const isNew = before === undefined || action === ResourceAction.CREATE;
  const isGone = after === undefined && !unknown;
  if (action === ResourceAction.DESTROY) {
    return (
      <AttributeLine path={attribute.path}>
        <ValueView value={before} sensitive={sensitive} />
      </AttributeLine>
    );
  }
  return (
    <AttributeLine path={attribute.path}>
      {!isNew && (
        <span className="min-w-0 text-muted">
          <ValueView value={before} sensitive={sensitive} />
        </span>
      )}
      {!isNew && (
        <span className="shrink-0 self-center">
          <ArrowRight aria-hidden className="size-3.5 text-muted" />
          <span className="sr-only">becomes</span>
        </span>
      )}
      <span className="min-w-0">
        {isGone && !isNew ? (
          <em className="text-muted">removed</em>
        ) : (
          <ValueView value={after} sensitive={sensitive && !unknown} unknown={unknown} />
        )}
      </span>
      {attribute.forcesReplacement && (
        <span className="inline-flex items-center gap-1 rounded-sm bg-failed-soft px-1.5 font-medium text-failed text-sm">
          <TriangleAlert aria-hidden className="size-3.5" />
          forces the replacement
        </span>
      )}
    </AttributeLine>
  );
}

function AttributeLine({ path, children }: { path: string; children: ReactNode }) {
  return (
    <div className="grid gap-x-4 gap-y-0.5 pl-10 sm:grid-cols-[minmax(0,2fr)_minmax(0,5fr)] sm:pl-12">
      <code className="text-muted">{path}</code>
      <div className="flex min-w-0 flex-wrap items-baseline gap-x-2">{children}</div>
    </div>
  );
}
