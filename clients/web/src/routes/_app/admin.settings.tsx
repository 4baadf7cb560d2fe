import { createFileRoute } from "@tanstack/react-router";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { Page, Section } from "~/components/page";
import { OwnOrganization } from "~/components/settings/own-organization";
import { OrganizationFields, RetentionFields, SignInFields } from "~/components/settings/settings-fields";
import { SettingsForm } from "~/components/settings/settings-form";
import { ProviderList } from "~/components/sso/provider-list";
import { type TabItem, Tabs } from "~/ui/tabs";

const TABS = [
  { id: "organization", label: "Organization" },
  { id: "sso", label: "Single sign-on" },
  { id: "sign-in", label: "Sign-in" },
  { id: "retention", label: "Retention" },
] as const satisfies TabItem<string>[];
type Tab = (typeof TABS)[number]["id"];

export const Route = createFileRoute("/_app/admin/settings")({
  validateSearch: ({ tab }: Record<string, unknown>): { tab?: Tab } => {
    const known = TABS.find(({ id }) => id === tab)?.id;
    return known ? { tab: known } : {};
  },
  component: Settings,
});

const MANAGE = "platform:organizations:manage_settings";

function Settings() {
  const { tab = "organization" } = Route.useSearch();
  const navigate = Route.useNavigate();
  useLive({ types: ["organization", "sso_provider"] });
  const reason = useChecks([{ permission: MANAGE, object: "" }]).reason(MANAGE, "");
  return (
    <Page
      title="Settings"
      lead="What the organization decides for all of its business units."
      crumbs={[{ to: "/admin", label: "Administration" }]}
      actions={reason && <WhyNot permission={MANAGE} object="" action="change the settings" />}
    >
      <Tabs label="Settings" items={TABS} value={tab} onChange={(next) => void navigate({ search: { tab: next } })}>
        {tab === "organization" && (
          <div className="flex max-w-[640px] flex-col gap-6">
            <OwnOrganization />
            <Section title="Defaults and rules">
              <SettingsForm
                names={["defaultRegion", "defaultBusinessUnit", "selfServiceEnvironments", "allowSelfApprovalTiers"]}
                reason={reason}
              >
                {(props) => <OrganizationFields {...props} />}
              </SettingsForm>
            </Section>
          </div>
        )}
        {tab === "sso" && <ProviderList reason={reason} />}
        {tab === "sign-in" && (
          <SettingsForm names={["passwordCharacterClasses"]} reason={reason}>
            {(props) => <SignInFields {...props} />}
          </SettingsForm>
        )}
        {tab === "retention" && (
          <SettingsForm names={["auditRetentionDays"]} reason={reason}>
            {(props) => <RetentionFields {...props} />}
          </SettingsForm>
        )}
      </Tabs>
    </Page>
  );
}
