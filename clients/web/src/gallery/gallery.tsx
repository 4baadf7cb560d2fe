import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ReactNode } from "react";
import { EmptyState } from "~/components/empty-state";
import { ErrorNotice } from "~/components/error-notice";
import { type Column, DataTable } from "~/components/list/data-table";
import { Facts, Page, Section, Skeleton } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { ProgressLine, StateBadge, type StateKind, statesOf } from "~/components/state-badge";
import { TierBadge } from "~/components/tier-badge";
import { Tier } from "~/gen/flagstone/v1/environment_service_pb";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "~/gen/google/rpc/error_details_pb";
import { Button } from "~/ui/button";
import { Checkbox, Field, Input, Select, TextArea } from "~/ui/field";
import { Kbd } from "~/ui/kbd";
import { Access } from "./access";
import { Changes } from "./changes";

const KINDS: StateKind[] = ["request", "approval", "deployment", "revision", "job", "environment", "workspaceState"];

/** A long name, one from right to left, and one with signs beyond the basic plane: none may break a line. */
const NAMES = ["x".repeat(255), "مستودع الملفات الرئيسي", "🚀 naïve café 漢字", "<script>alert(1)</script>"];

function Line({ children }: { children: ReactNode }) {
  return <div className="flex flex-wrap items-center gap-2">{children}</div>;
}

export default function Gallery() {
  return (
    <Page
      title="Gallery"
      lead="Every component in each of its looks, with made-up values. Not part of a production build."
    >
      <Section title="States">
        <div className="flex flex-col gap-2">
          {KINDS.map((kind) => (
            <Line key={kind}>
              <span className="w-28 text-muted">{kind}</span>
              {statesOf(kind).map(({ state }) => (
                <StateBadge key={state} kind={kind} state={state} />
              ))}
              <StateBadge kind={kind} state={99} />
            </Line>
          ))}
          <ProgressLine label="Unknown progress" />
          <ProgressLine label="Forty percent" percent={40} />
        </div>
      </Section>
      <Section title="Tiers">
        <Line>
          {[Tier.DEVELOPMENT, Tier.STAGING, Tier.PRODUCTION, Tier.UNSPECIFIED].map((tier) => (
            <TierBadge key={tier} tier={tier} />
          ))}
        </Line>
      </Section>
      <Section title="Who, what, when">
        <Facts
          facts={[
            ["A person", <PrincipalChip key="1" name="users/dev" />],
            ["A role", <PrincipalChip key="2" name="roles/it-engineer" />],
            ["A runner", <PrincipalChip key="3" name="runners/embedded-1" />],
            ["The platform", <PrincipalChip key="4" name="system" />],
            ["Nobody", <PrincipalChip key="5" name="" />],
            ["A deployment", <ResourceName key="6" name="businessUnits/eng/deployments/shop" copy />],
            ["Without a page", <ResourceName key="7" name="policies/required-tags" copy />],
            ["Just now", <RelativeTime key="8" time={timestampFromMs(Date.now())} />],
            ["Last hour", <RelativeTime key="9" time={timestampFromMs(Date.now() - 3_600_000)} />],
            ["Last year", <RelativeTime key="10" time={timestampFromMs(Date.now() - 400 * 86_400_000)} />],
            ["Never", <RelativeTime key="11" time={undefined} />],
          ]}
        />
      </Section>
      <Section title="Buttons">
        <Line>
          <Button variant="primary">Approve plan</Button>
          <Button>Cancel request</Button>
          <Button variant="ghost">Show unchanged</Button>
          <Button variant="danger">Destroy 4 resources</Button>
          <Button variant="primary" busy="Approving">
            Approve plan
          </Button>
          <Button reason="Needs business_unit:requests:create in business unit eng.">Order</Button>
          <Button size="sm">Try again</Button>
          <Kbd keys="Ctrl K" />
        </Line>
      </Section>
      <Section title="Fields">
        <div className="flex max-w-96 flex-col gap-4">
          <Field label="Bucket name" help="3 to 63 lower-case letters, digits and hyphens." required>
            {(control) => <Input {...control} defaultValue="logs" />}
          </Field>
          <Field label="Bucket name" required errors={["must match ^[a-z0-9-]+$", "is shorter than 3 characters"]}>
            {(control) => <Input {...control} defaultValue="A" />}
          </Field>
          <Field label="Storage class">
            {(control) => (
              <Select {...control}>
                <option>STANDARD_IA</option>
                <option>GLACIER</option>
              </Select>
            )}
          </Field>
          <Field label="Comment">{(control) => <TextArea {...control} />}</Field>
          <Checkbox label="Versioning" defaultChecked />
          <Input disabled aria-label="Not to be changed" value="eng" readOnly />
        </div>
      </Section>
      <Section title="Errors">
        <div className="flex flex-col gap-2">
          <ErrorNotice error={new ConnectError("Failed to fetch", Code.Unknown)} onRetry={() => undefined} />
          <ErrorNotice
            error={problem("ACCESS_DENIED", Code.PermissionDenied, "You may not create requests here.", {
              permission: "business_unit:requests:create",
              scope: "businessUnits/eng",
              decision_id: "0196f2f4-0000-7000-8000-000000000000",
            })}
          />
          <ErrorNotice
            error={
              new ConnectError("The call has 2 wrong fields.", Code.InvalidArgument, undefined, [
                { desc: ErrorInfoSchema, value: { reason: "FIELD_INVALID", domain: "flagstone" } },
                {
                  desc: BadRequestSchema,
                  value: {
                    fieldViolations: [
                      { field: "request.create.inputs.bucket_name", description: "must match ^[a-z0-9-]+$" },
                      { field: "request.tags", description: "needs the tag purpose" },
                    ],
                  },
                },
              ])
            }
          />
          <ErrorNotice
            error={
              new ConnectError("Too many attempts.", Code.ResourceExhausted, undefined, [
                { desc: ErrorInfoSchema, value: { reason: "RATE_LIMITED", domain: "flagstone" } },
                { desc: RetryInfoSchema, value: { retryDelay: { seconds: 42n } } },
              ])
            }
          />
          <ErrorNotice
            error={problem("INTERNAL", Code.Internal, "Something failed on our side.", { correlation_id: "5b1f-77" })}
            onRetry={() => undefined}
          />
        </div>
      </Section>
      <Section title="Empty, loading">
        <EmptyState action={<Button variant="primary">Choose a template</Button>} command="flagstone templates list">
          You have asked for nothing yet.
        </EmptyState>
        <Skeleton lines={3} />
      </Section>
      <Section title="List">
        <DataTable label="Names" rows={NAMES} columns={COLUMNS} rowKey={(name) => name} compact={compact} />
      </Section>
      <Access />
      <Changes />
    </Page>
  );
}

const COLUMNS: Column<string>[] = [
  { id: "name", header: "Name", cell: (name) => <bdi>{name}</bdi> },
  { id: "state", header: "State", width: "160px", cell: () => <StateBadge kind="request" state={3} /> },
  { id: "size", header: "Characters", width: "120px", align: "end", cell: (name) => [...name].length },
];

function compact(name: string) {
  return { first: <bdi>{name}</bdi>, second: <StateBadge kind="request" state={3} /> };
}

function problem(reason: string, code: Code, message: string, metadata: Record<string, string>): ConnectError {
  const info = create(ErrorInfoSchema, { reason, domain: "flagstone", metadata });
  return new ConnectError(message, code, undefined, [{ desc: ErrorInfoSchema, value: info }]);
}
