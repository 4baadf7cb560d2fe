// One audit event beside the list: who, what, from where, and what it changed.

import { Code } from "@connectrpc/connect";
import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { X } from "lucide-react";
import { lazy, type ReactNode, Suspense, useEffect, useRef, useState } from "react";
import { problemOf } from "~/api/errors";
import { useChecks } from "~/components/access/use-checks";
import { CopyButton } from "~/components/copy-button";
import { EffectsPreview } from "~/components/effects-preview";
import { ErrorNotice } from "~/components/error-notice";
import { ExactTime } from "~/components/exact-time";
import { Facts, Skeleton } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { ResourceName } from "~/components/resource-name";
import { ValuesView } from "~/components/values";
import { type AuditEvent, AuditOutcome, AuditService } from "~/gen/flagstone/v1/audit_service_pb";
import { formatDuration, formatNumber } from "~/lib/format";
import { idOf } from "~/lib/names";
import { Button, IconButton } from "~/ui/button";
import { OutcomeMark, originWord } from "./audit-list";

// Few events are looked into so far.
const AuditDiff = lazy(() => import("./audit-diff"));
const Denial = lazy(() => import("./denial"));
const EventProof = lazy(() => import("./event-proof"));

const VERIFY = "platform:audit:verify";

/** An event in the address: its id, which for a denial is the decision id. */
export function eventKey({ name }: AuditEvent): string {
  return idOf(name);
}

/** The event of a key: from the rows that are there, or asked for. */
export function useEvent(key: string | undefined, rows: readonly AuditEvent[]) {
  const shown = key === undefined ? undefined : rows.find(({ name }) => idOf(name) === key);
  const query = useQuery(
    AuditService.method.getAuditEvent,
    key === undefined || shown ? skipToken : { name: `auditEvents/${key}` },
  );
  const isMissing = query.error != null && problemOf(query.error).code === Code.NotFound;
  return { event: shown ?? query.data, error: isMissing ? undefined : query.error, isMissing };
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
      {event && <EventContent key={event.name} event={event} />}
      {!event && error != null && <ErrorNotice error={error} title="The event could not be read" />}
      {isMissing && <p>This event is not there, or you may not read it.</p>}
      {!event && error == null && !isMissing && <Skeleton />}
    </aside>
  );
}

function EventContent({ event }: { event: AuditEvent }) {
  const { effects, details = {} } = event;
  const [isComparing, setIsComparing] = useState(false);
  const reason = useChecks([{ permission: VERIFY, object: "" }]).reason(VERIFY, "");
  return (
    <div className="flex flex-col gap-5">
      <Facts
        facts={[
          ["Time", <ExactTime key="time" time={event.time} />],
          ["Outcome", <OutcomeMark key="outcome" outcome={event.outcome} />],
          ["Principal", <PrincipalChip key="principal" name={event.principal} />],
          event.onBehalfOf !== "" && ["On behalf of", <PrincipalChip key="behalf" name={event.onBehalfOf} />],
          ["Object", event.object ? <ResourceName key="object" name={event.object} copy /> : "None"],
          ["Object type", event.objectType],
          event.businessUnit !== "" && ["Business unit", idOf(event.businessUnit)],
          event.team !== "" && ["Team", <ResourceName key="team" name={event.team} />],
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
          ["Sealed", event.seq > 0n ? `As entry ${formatNumber(event.seq)}` : "Not yet: it takes up to two seconds"],
        ]}
      />
      {Object.keys(details).length > 0 && (
        <section aria-label="Details" className="flex flex-col gap-2">
          <h3 className="font-semibold">Details</h3>
          <ValuesView values={details} />
        </section>
      )}
      {effects && effects.changes.length + effects.approvals.length + effects.jobs.length > 0 && (
        <div className="flex flex-col gap-2">
          <EffectsPreview effects={effects} />
          {effects.changes.length > 0 && (
            <div>
              <Button size="sm" aria-haspopup="dialog" onClick={() => setIsComparing(true)}>
                Compare before and after
              </Button>
            </div>
          )}
        </div>
      )}
      {event.outcome === AuditOutcome.DENIED && (
        <OnDemand title="Why it was denied" action="Explain this denial">
          <Denial event={event.name} />
        </OnDemand>
      )}
      {event.seq > 0n && (
        <OnDemand title="Proof" action="Check the proof of this event" reason={reason}>
          <EventProof event={event.name} />
        </OnDemand>
      )}
      {isComparing && effects && (
        <Suspense>
          <AuditDiff effects={effects} action={event.action} onClose={() => setIsComparing(false)} />
        </Suspense>
      )}
    </div>
  );
}

/** What is asked for only when somebody wants to know. */
function OnDemand({
  title,
  action,
  reason,
  children,
}: {
  title: string;
  action: string;
  reason?: string | undefined;
  children: ReactNode;
}) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <section aria-label={title} className="flex flex-col items-start gap-2">
      <h3 className="font-semibold">{title}</h3>
      {isOpen ? (
        <Suspense fallback={<Skeleton lines={3} />}>{children}</Suspense>
      ) : (
        <Button size="sm" reason={reason} onClick={() => setIsOpen(true)}>
          {action}
        </Button>
      )}
    </section>
  );
}
