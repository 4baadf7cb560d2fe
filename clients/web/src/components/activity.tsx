import { useQuery } from "@connectrpc/connect-query";
import { Link } from "@tanstack/react-router";
import { ChangeAction } from "~/gen/flagstone/v1/effects_pb";
import { type ChangeEvent, WatchService } from "~/gen/flagstone/v1/watch_service_pb";
import { idOf, routeOf } from "~/lib/names";
import { useParent } from "~/lib/unit";
import { PrincipalChip } from "./principal-chip";
import { QueryView } from "./query-view";
import { RelativeTime } from "./relative-time";

const VERBS: Record<number, string> = {
  [ChangeAction.CREATED]: "created",
  [ChangeAction.UPDATED]: "changed",
  [ChangeAction.DELETED]: "removed",
};

/** What happened lately to the deployments of the chosen unit, as far as the caller may see it. */
export function Activity({ size }: { size: number }) {
  const parent = useParent();
  const events = useQuery(WatchService.method.listChangeEvents, {
    parent,
    pageSize: size,
    filter: `object_type = "deployment"`,
  });
  return (
    <QueryView query={events} title="The changes could not be read" lines={4}>
      {({ changeEvents }) =>
        changeEvents.length === 0 ? (
          <p className="text-muted">Nothing has happened yet.</p>
        ) : (
          <ol className="border-line border-t">
            {changeEvents.map((event) => (
              <Entry key={`${event.object} ${event.time?.seconds} ${event.time?.nanos}`} event={event} />
            ))}
          </ol>
        )
      }
    </QueryView>
  );
}

function Entry({ event }: { event: ChangeEvent }) {
  const place = routeOf(event.object);
  const object = idOf(event.object);
  return (
    <li className="flex flex-col border-line border-b py-1.5">
      <span className="truncate">
        {place ? (
          <Link {...place} className="hover:underline">
            {object}
          </Link>
        ) : (
          object
        )}{" "}
        <span className="text-muted">
          {VERBS[event.action]}
          {event.fields.includes("state") && event.action === ChangeAction.UPDATED ? " state" : ""}
        </span>
      </span>
      <span className="flex items-center gap-2 text-muted text-sm">
        <PrincipalChip name={event.principal} />
        <RelativeTime time={event.time} />
      </span>
    </li>
  );
}
