import { create } from "@bufbuild/protobuf";
import { timestampFromMs, ValueSchema } from "@bufbuild/protobuf/wkt";
import { RequiredApprovals } from "~/components/approval/required-approvals";
import { EffectsPreview } from "~/components/effects-preview";
import { Section } from "~/components/page";
import { PlanDiff } from "~/components/plan/plan-diff";
import { PolicyResults } from "~/components/policy-results";
import { Timeline } from "~/components/request/timeline";
import { ValuesDiff, ValuesView } from "~/components/values";
import { ChangeAction, EffectsSchema } from "~/gen/flagstone/v1/effects_pb";
import { PlanSchema, RequestState, ResourceAction, TimelineEntrySchema } from "~/gen/flagstone/v1/request_service_pb";

const text = (value: string) => create(ValueSchema, { kind: { case: "stringValue", value } });

const PLAN = create(PlanSchema, {
  summary: { digest: "9f2c51aa07e4d1".padEnd(64, "0"), add: 1, change: 1, destroy: 2 },
  changes: [
    {
      address: "aws_s3_bucket.logs",
      type: "aws_s3_bucket",
      provider: "hashicorp/aws",
      action: ResourceAction.REPLACE,
      reason: "A changed attribute cannot be changed in place.",
      attributes: [
        { path: "bucket", before: text("logs"), after: text("logs-2"), forcesReplacement: true },
        { path: "arn", before: text("arn:aws:s3:::logs"), unknown: true },
      ],
    },
    {
      address: "random_password.admin",
      type: "random_password",
      provider: "hashicorp/random",
      action: ResourceAction.CREATE,
      attributes: [{ path: "result", sensitive: true, unknown: true }],
    },
    {
      address: "aws_s3_bucket_versioning.logs",
      type: "aws_s3_bucket_versioning",
      provider: "hashicorp/aws",
      action: ResourceAction.UPDATE,
      attributes: [{ path: "versioning[0].enabled", before: text("false"), after: text("true") }],
    },
    { address: "aws_sns_topic.old", type: "aws_sns_topic", provider: "hashicorp/aws", action: ResourceAction.DESTROY },
  ],
  outputs: [{ output: "bucket", before: text("logs"), after: text("logs-2") }],
  text: "Plan: 1 to add, 1 to change, 2 to destroy.",
});

const POLICY_RESULTS = create(EffectsSchema, {
  policyResults: [
    { policy: "policies/naming", version: 1, enforced: true },
    {
      policy: "policies/required-tags",
      version: 2,
      enforced: true,
      violated: true,
      violations: [{ field: "request.tags", message: "The tag purpose is missing.", fix: "Add it.", enforced: true }],
    },
  ],
  approvals: [
    { approvalPolicy: "approvalPolicies/production", stage: "Owner", quorum: 2, approvers: ["roles/it-engineer"] },
    { approvalPolicy: "approvalPolicies/development-auto", autoApprovedReason: "Development needs nobody's approval." },
  ],
  changes: [
    {
      object: "businessUnits/eng/deployments/shop",
      objectType: "deployment",
      action: ChangeAction.UPDATED,
      fields: [{ field: "state", before: text("ACTIVE"), after: text("UPDATING") }],
    },
  ],
  jobs: [{ kind: "PLAN", subject: "businessUnits/eng/requests/1", concurrencyKey: "deployment/1" }],
});

const ENTRIES = [
  { event: "submitted", state: RequestState.PLANNING, principal: "users/dev", comment: "" },
  { event: "planned", state: RequestState.PENDING_APPROVAL, principal: "system", comment: "" },
  { event: "rejected", state: RequestState.REJECTED, principal: "users/approver", comment: "Use the shared bucket." },
].map((entry, index) =>
  create(TimelineEntrySchema, {
    ...entry,
    number: index + 1,
    time: timestampFromMs(Date.now() - 60_000 * (3 - index)),
  }),
);

/** What a change is made of: values, plans, verdicts, effects. */
export function Changes() {
  const before = { name: "logs", versioning: false, rules: [{ id: "a", days: 30 }] };
  const after = { name: "logs", versioning: true, rules: [{ id: "a", days: 90 }], website: { index: "index.html" } };
  return (
    <>
      <Section title="Values">
        <div className="grid gap-6 lg:grid-cols-2">
          <ValuesView values={before} />
          <ValuesDiff before={before} after={after} />
        </div>
      </Section>
      <Section title="Plan">
        <PlanDiff plan={PLAN} />
      </Section>
      <div className="grid gap-6 lg:grid-cols-2">
        <Section title="Policies">
          <PolicyResults results={POLICY_RESULTS.policyResults} />
        </Section>
        <Section title="Approvals">
          <RequiredApprovals approvals={POLICY_RESULTS.approvals} />
        </Section>
        <Section title="Effects">
          <EffectsPreview effects={POLICY_RESULTS} />
        </Section>
        <Section title="Timeline">
          <Timeline entries={ENTRIES} />
        </Section>
      </div>
    </>
  );
}
