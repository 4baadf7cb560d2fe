// How many events there were: by outcome, kind of object, action and day. Every bar leads to its events.

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@connectrpc/connect-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { serverNow } from "~/api/clock";
import { EmptyState } from "~/components/empty-state";
import { Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { type AuditCount, AuditOutcome, AuditService } from "~/gen/flagstone/v1/audit_service_pb";
import { joinRange } from "~/lib/filter";
import { count, formatNumber, sentence } from "~/lib/format";
import { ALL_UNITS } from "~/lib/unit";
import { Button } from "~/ui/button";
import { Field, Select } from "~/ui/field";

const DAY = 86_400_000;
/** How far back, in days. */
const SPANS = [1, 7, 30, 90, 365];
/** Of a long list so many are shown at first. */
const FIRST = 12;

export function AuditStatistics({ days, onDays }: { days: number; onDays: (days: number) => void }) {
  // The same question until another span is chosen.
  const [end] = useState(serverNow);
  const from = end - days * DAY;
  const query = useQuery(AuditService.method.getAuditStats, { startTime: timestampFromMs(from) });
  const time = joinRange({ from: new Date(from).toISOString() });
  return (
    <div className="flex flex-col gap-4">
      <div className="max-w-60">
        <Field label="Time">
          {(control) => (
            <Select {...control} value={days} onChange={(event) => onDays(Number(event.target.value))}>
              {SPANS.map((span) => (
                <option key={span} value={span}>
                  The last {span === 1 ? "day" : count(span, "day")}
                </option>
              ))}
            </Select>
          )}
        </Field>
      </div>
      <QueryView query={query} title="The statistics could not be read">
        {({ total, byOutcome, byObjectType, byAction, byDay }) =>
          total === 0n ? (
            <EmptyState>Nothing happened in this time. Choose a longer one.</EmptyState>
          ) : (
            <>
              <p>
                {formatNumber(total)} {total === 1n ? "event" : "events"} of those that you may read.
              </p>
              <div className="grid items-start gap-x-8 gap-y-6 lg:grid-cols-2">
                <Bars
                  title="By outcome"
                  counts={byOutcome}
                  total={total}
                  labelOf={outcomeLabel}
                  search={(key) => ({ outcome: key, time })}
                />
                <Bars
                  title="By object type"
                  counts={byObjectType}
                  total={total}
                  labelOf={sentence}
                  search={(key) => ({ type: key, time })}
                />
                <Bars
                  title="By action"
                  counts={byAction}
                  total={total}
                  isCode
                  search={(key) => ({ action: key, time })}
                />
                <Bars title="By day" counts={byDay} total={total} search={(key) => ({ time: dayRange(key) })} />
              </div>
            </>
          )
        }
      </QueryView>
    </div>
  );
}

const OUTCOMES: Record<string, string> = {
  [AuditOutcome[AuditOutcome.SUCCESS] ?? ""]: "Done",
  [AuditOutcome[AuditOutcome.FAILURE] ?? ""]: "Failed",
  [AuditOutcome[AuditOutcome.DENIED] ?? ""]: "Denied",
};

function outcomeLabel(key: string): string {
  return OUTCOMES[key] ?? sentence(key);
}

/** A day in UTC, as a range of the filter. */
function dayRange(day: string): string {
  const start = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(start)) return "";
  return joinRange({ from: new Date(start).toISOString(), to: new Date(start + DAY).toISOString() });
}

interface BarsProps {
  title: string;
  counts: readonly AuditCount[];
  total: bigint;
  labelOf?: (key: string) => string;
  /** The keys are words of the contract, not of people. */
  isCode?: boolean;
  /** The filters of the list that show what a bar counts. */
  search: (key: string) => Record<string, string>;
}

function Bars({ title, counts, total, labelOf = (key) => key, isCode = false, search }: BarsProps) {
  const [whole, setWhole] = useState(false);
  const largest = Math.max(1, ...counts.map(({ count }) => Number(count)));
  const shown = whole ? counts : counts.slice(0, FIRST);
  return (
    <Section title={title}>
      <ul className="flex flex-col">
        {shown.map(({ key, count: number }) => {
          const label = labelOf(key) || "None";
          const share = Math.round((Number(number) / Number(total)) * 100);
          return (
            <li key={key} className="grid min-h-8 grid-cols-[minmax(0,40%)_minmax(0,1fr)_auto] items-center gap-2">
              <Link
                to="/admin/audit"
                search={{ unit: ALL_UNITS, ...search(key) }}
                className={`truncate hover:underline ${isCode ? "font-mono text-sm" : ""}`}
                title={label}
              >
                {label}
              </Link>
              <span aria-hidden className="h-3 rounded-sm bg-sunken">
                <span
                  className="block h-3 rounded-sm bg-accent"
                  style={{ width: `max(2px, ${(Number(number) / largest) * 100}%)` }}
                />
              </span>
              <span className="min-w-24 text-right tabular-nums">
                {formatNumber(number)}{" "}
                <span className="inline-block w-10 text-muted text-sm">{share < 1 ? "<1" : share} %</span>
              </span>
            </li>
          );
        })}
      </ul>
      {counts.length > FIRST && (
        <div>
          <Button size="sm" variant="ghost" aria-expanded={whole} onClick={() => setWhole(!whole)}>
            {whole ? `Show the first ${FIRST}` : `Show all ${counts.length}`}
          </Button>
        </div>
      )}
    </Section>
  );
}
