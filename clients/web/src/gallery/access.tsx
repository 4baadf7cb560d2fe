import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useState } from "react";
import { Explanation } from "~/components/access/explanation";
import { PermissionPicker } from "~/components/access/permission-picker";
import { Notice } from "~/components/notice";
import { Section } from "~/components/page";
import { SecretOnce } from "~/components/secret-once";
import { NewPasswordField } from "~/components/session/new-password-field";
import { SsoButtons } from "~/components/session/sso-buttons";
import {
  AccessEffect,
  AccessObstacle,
  AccessReason,
  AccessStepKind,
  ExplainAccessResponseSchema,
} from "~/gen/flagstone/v1/access_service_pb";
import { SsoMethodSchema } from "~/gen/flagstone/v1/auth_service_pb";
import { SsoProviderKind } from "~/gen/flagstone/v1/sso_provider_service_pb";
import type { PermissionInfo } from "~/lib/permission-words";

const PERMISSIONS: PermissionInfo[] = ["development", "staging", "production"].flatMap((tier) =>
  ["create", "update", "delete"].map((action) => ({
    permission: `business_unit:deployments:${action}:${tier}`,
    displayName: `${action[0]?.toUpperCase()}${action.slice(1)} deployments`,
    description: `Let a request ${action} a deployment in ${tier}.`,
    category: "Deployments",
    icon: "rocket",
  })),
);
PERMISSIONS.push(
  {
    permission: "platform:audit:read",
    displayName: "Read the audit",
    description: "Read the audit of the whole organization.",
    category: "Audit",
    icon: "scroll-text",
  },
  {
    permission: `business_unit:${"a_very_long_resource_".repeat(8)}:read`,
    displayName: "A name from right to left: مستودع الملفات الرئيسي",
    description: "Of a server that is newer than this page.",
    category: "Something new",
    icon: "unheard-of",
  },
);

const QUESTION = {
  principal: "users/dev",
  permission: "business_unit:deployments:create:production",
  object: "businessUnits/eng/deployments/shop",
};

const DENIED = create(ExplainAccessResponseSchema, {
  question: QUESTION,
  reason: AccessReason.DENY_BINDING,
  message: "A DENY takes `business_unit:deployments:create:production` away.",
  matched: [
    {
      binding: "roleBindings/1",
      role: "roles/freeze",
      scope: "businessUnits/eng",
      effect: AccessEffect.DENY,
      through: "groups/everybody",
      message: "It takes the permission away.",
    },
  ],
  nearlyMatched: [
    {
      role: "roles/bu-owner",
      scope: "businessUnits/ops",
      effect: AccessEffect.ALLOW,
      through: "businessUnits/ops",
      obstacle: AccessObstacle.OTHER_SCOPE,
      message: "It holds in business unit ops only.",
    },
    {
      binding: "roleBindings/2",
      role: "roles/sre",
      effect: AccessEffect.ALLOW,
      through: "users/dev",
      obstacle: AccessObstacle.CONDITION,
      condition: "time.getHours() < 18",
      expireTime: timestampFromMs(Date.now() + 86_400_000),
      message: "Its condition does not hold now.",
    },
  ],
  smallestChange: [
    {
      kind: AccessStepKind.REMOVE_DENY,
      message: "Take dev out of group everybody.",
      who: ["users/ada", "serviceAccounts/deployer"],
    },
    { kind: AccessStepKind.BIND_ROLE, message: "Give dev the role bu-owner in business unit eng." },
  ],
  decisionTime: timestampFromMs(Date.now() - 3_600_000),
  changed: true,
});

const ALLOWED = create(ExplainAccessResponseSchema, {
  question: { ...QUESTION, object: "" },
  allowed: true,
  message: "The role platform-admin gives it.",
  matched: [{ role: "roles/platform-admin", effect: AccessEffect.ALLOW, through: "users/dev" }],
});

const METHODS = [
  create(SsoMethodSchema, { provider: "1", displayName: "Microsoft", kind: SsoProviderKind.ENTRA }),
  create(SsoMethodSchema, { provider: "2", displayName: "Google", kind: SsoProviderKind.GOOGLE }),
  create(SsoMethodSchema, { provider: "3", displayName: "GitHub", kind: SsoProviderKind.GITHUB }),
  create(SsoMethodSchema, { provider: "4", displayName: "x".repeat(100), kind: SsoProviderKind.OIDC }),
];

/** Who may do what, and ways in. */
export function Access() {
  const [chosen, setChosen] = useState(new Set(["business_unit:deployments:create:staging"]));
  const [password, setPassword] = useState("password1234");
  return (
    <>
      <Section title="Permissions to choose from">
        <div className="max-w-[960px]">
          <PermissionPicker
            permissions={PERMISSIONS}
            chosen={chosen}
            onChange={setChosen}
            blocked={(one) => (one.endsWith(":production") ? "You do not hold it." : undefined)}
          />
        </div>
      </Section>
      <Section title="Why, and why not">
        <div className="grid gap-8 lg:grid-cols-2">
          <Explanation explanation={DENIED} />
          <Explanation explanation={ALLOWED} />
        </div>
      </Section>
      <Section title="Notices">
        <div className="flex max-w-[720px] flex-col gap-2">
          <Notice title="Only if you asked for it yourself">Whoever has the device can do what you can do.</Notice>
          <Notice kind="success">The account is linked.</Notice>
          <Notice kind="failure" title="Your address is not verified">
            The provider does not vouch for it.
          </Notice>
        </div>
      </Section>
      <Section title="Providers">
        <div className="max-w-96">
          <SsoButtons methods={METHODS} organization="" returnPath="/" />
        </div>
      </Section>
      <Section title="A new password">
        <div className="max-w-96">
          <NewPasswordField
            value={password}
            onChange={setPassword}
            person={{ username: "ada", email: "ada@example.org" }}
            classes
            errors={password === "password1234" ? ["The password is too easy to guess."] : []}
          />
        </div>
      </Section>
      <Section title="A secret that is shown once">
        <div className="max-w-[720px]">
          <SecretOnce label="API token" value={`fst_${"0123456789abcdef".repeat(4)}`} note="It is shown this once." />
        </div>
      </Section>
    </>
  );
}
