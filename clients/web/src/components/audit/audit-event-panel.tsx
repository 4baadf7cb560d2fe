// One audit event beside the list: who, what, from where, and what it changed.

import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useEffect, useRef } from "react";
import { CopyButton } from "~/components/copy-button";
import { EffectsPreview } from "~/components/effects-preview";
import { ErrorNotice } from "~/components/error-notice";
import { ExactTime } from "~/components/exact-time";
import { Facts, Skeleton } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { ResourceName } from "~/components/resource-name";
import { ValuesView } from "~/components/values";
import { type AuditEvent, AuditService } from "~/gen/flagstone/v1/audit_service_pb";
import { preciseTime } from "~/lib/audit-export";
import { quoted } from "~/lib/filter";
import { formatDuration } from "~/lib/format";
import { idOf } from "~/lib/names";
import { IconButton } from "~/ui/button";
import { OutcomeMark, originWord } from "./audit-list";

/** An event in the address: its time finds it, wherever in the list it is, and its id tells it from others of then. */
export function eventKey({ name, time }: AuditEvent): string {
  return `${time ? preciseTime(time) : ""}_${idOf(name)}`;
}

/** The event of a key: from the rows that are there, or asked for by its time. */
export function useEvent(key: string | undefined, rows: readonly AuditEvent[]) {
  const [time = "", id = ""] = (key ?? "").split("_");
  const shown = key === undefined ? undefined : rows.find(({ name }) => idOf(name) === id);
  const query = useQuery(
    AuditService.method.listAuditEvents,
    key === undefined || shown ? skipToken : { pageSize: 200, filter: `time = ${quoted(time)}` },
  );
  const found = shown ?? query.data?.auditEvents.find(({ name }) => idOf(name) === id);
  return { event: found, error: query.error, isMissing: !found && query.data !== undefined };
}

export function AuditEventPanel({
  event,
  error,
  isMissing,
  onClose,
}: ReturnType<typeof useEvent> & { onClose: () => void }) {
  const panel = useRef<HTMLElement>(null);
  const name = event?.name;
  // Whoever opens an event reads it; whoever closes it goes on in the list.
  useEffect(() => {
    if (name) panel.current?.focus({ preventScroll: true });
  }, [name]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) onClose();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [onClose]);
  return (
    <aside
      ref={panel}
      tabIndex={-1}
      aria-label="Audit event"
      className="fixed top-12 right-0 bottom-14 left-0 z-20 overflow-y-auto border-line bg-canvas p-4 outline-none md:bottom-0 md:left-auto md:w-[420px] md:border-l md:shadow-float xl:sticky xl:top-16 xl:z-0 xl:h-[calc(100dvh-80px)] xl:w-auto xl:rounded-md xl:border xl:shadow-none"
    >
      <div className="mb-3 flex items-start justify-between gap-2">
        <h2 className="min-w-0 font-semibold text-lg">{event ? event.action : "Audit event"}</h2>
        <IconButton label="Close the event" shortcut="Esc" onClick={onClose}>
          <X />
        </IconButton>
      </div>
      {event && <EventContent event={event} />}
      {!event && error != null && <ErrorNotice error={error} title="The event could not be read" />}
      {isMissing && <p>This event is not there, or you may not read it.</p>}
      {!event && error == null && !isMissing && <Skeleton />}
    </aside>
  );
}

function EventContent({ event }: { event: AuditEvent }) {
  const { effects, details = {} } = event;
  return (
    <div className="flex flex-col gap-5">
      <Facts
        facts={[
          ["Time", <ExactTime key="time" time={event.time} />],
          ["Outcome", <OutcomeMark key="outcome" outcome={event.outcome} />],
          ["Principal", <PrincipalChip key="principal" name={event.principal} />],
          ["Object", event.object ? <ResourceName key="object" name={event.object} copy /> : "None"],
          ["Object type", event.objectType],
          event.businessUnit !== "" && ["Business unit", idOf(event.businessUnit)],
          ["Origin", originWord(event.origin)],
          ["IP address", event.ip || "None"],
          [
            "Program",
            <span key="program" dir="auto">
              {event.userAgent || "None"}
            </span>,
          ],
          event.duration && ["Duration", formatDuration(event.duration)],
          [
            "Correlation id",
            <span key="correlation" className="inline-flex max-w-full items-center gap-1">
              <code>{event.correlationId}</code>
              <CopyButton text={event.correlationId} label="Copy the correlation id" />
            </span>,
          ],
          [
            "Event",
            <span key="event" className="inline-flex max-w-full items-center gap-1">
              <code>{event.name}</code>
              <CopyButton text={event.name} label="Copy the name of the event" />
            </span>,
          ],
        ]}
      />
      {Object.keys(details).length > 0 && (
        <section aria-label="Details" className="flex flex-col gap-2">
          <h3 className="font-semibold">Details</h3>
          <ValuesView values={details} />
        </section>
      )}
      {effects && effects.changes.length + effects.approvals.length + effects.jobs.length > 0 && (
        <EffectsPreview effects={effects} />
      )}
    </div>
  );
}
