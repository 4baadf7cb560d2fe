import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute } from "@tanstack/react-router";
import { useState } from "react";
import { TokenList } from "~/components/api-token/token-list";
import { Notice } from "~/components/notice";
import { Page } from "~/components/page";
import { Details } from "~/components/profile/details";
import { EffectivePermissions } from "~/components/profile/effective-permissions";
import { Sessions } from "~/components/profile/sessions";
import { SignIn } from "~/components/profile/sign-in";
import { QueryView } from "~/components/query-view";
import { ChangePasswordForm } from "~/components/session/change-password-form";
import { AccessService } from "~/gen/flagstone/v1/access_service_pb";
import { UserService } from "~/gen/flagstone/v1/user_service_pb";
import { grantable } from "~/lib/api-token";
import { count } from "~/lib/format";
import { type TabItem, Tabs } from "~/ui/tabs";

const TABS = [
  { id: "details", label: "Details" },
  { id: "password", label: "Password" },
  { id: "sign-in", label: "Sign-in" },
  { id: "sessions", label: "Sessions" },
  { id: "tokens", label: "API tokens" },
  { id: "permissions", label: "Permissions" },
] as const satisfies TabItem<string>[];
type Tab = (typeof TABS)[number]["id"];

type ProfileSearch = {
  tab?: Tab;
  /** What is searched for among the permissions, and where they hold. */
  q?: string;
  scope?: string;
  /** Back from a provider: whether its account is linked now, and why not. */
  linked?: boolean;
  error?: string;
};

export const Route = createFileRoute("/_app/profile")({
  validateSearch: ({ tab, q, scope, linked, error }): ProfileSearch => {
    const known = TABS.find(({ id }) => id === tab)?.id;
    return {
      ...(known && { tab: known }),
      ...(typeof q === "string" && q && { q }),
      ...(typeof scope === "string" && { scope }),
      ...(linked === true && { linked }),
      ...(typeof error === "string" && { error }),
    };
  },
  component: Profile,
});

/** The caller: who they are, their ways in, what they may do and why. */
function Profile() {
  const { tab = "details", q = "", scope, linked = false, error } = Route.useSearch();
  const navigate = Route.useNavigate();
  const me = useQuery(UserService.method.getMe, {});
  return (
    <Page title={me.data?.fullName || me.data?.username || "Profile"} tab="Profile" lead={me.data?.email}>
      <Tabs label="Profile" items={TABS} value={tab} onChange={(next) => void navigate({ search: { tab: next } })}>
        {tab === "details" && (
          <QueryView query={me} title="Your profile could not be read">
            {(user) => <Details user={user} />}
          </QueryView>
        )}
        {tab === "password" && <Password />}
        {tab === "sign-in" && (
          <QueryView query={me} title="Your profile could not be read" lines={2}>
            {({ organization }) => <SignIn organization={organization} failure={error} wasLinked={linked} />}
          </QueryView>
        )}
        {tab === "sessions" && <Sessions />}
        {tab === "tokens" && <Tokens />}
        {tab === "permissions" && (
          <EffectivePermissions
            text={q}
            scope={scope}
            onChange={(change) => {
              const next = { text: q, scope, ...change };
              void navigate({
                search: {
                  tab: "permissions",
                  ...(next.text && { q: next.text }),
                  ...(next.scope !== undefined && { scope: next.scope }),
                },
                replace: true,
              });
            }}
          />
        )}
      </Tabs>
    </Page>
  );
}

function Password() {
  const [ended, setEnded] = useState<number>();
  return (
    <div className="flex max-w-96 flex-col gap-4">
      <p className="text-muted">Your other sessions end when you change it.</p>
      {ended !== undefined && (
        <Notice kind="success">The password was changed. {count(ended, "other session")} ended.</Notice>
      )}
      <ChangePasswordForm onDone={setEnded} />
    </div>
  );
}

/** A token carries no more than its holder has. */
function Tokens() {
  const { data } = useQuery(AccessService.method.getMyPermissions, {}, { staleTime: 60_000 });
  return <TokenList parent="users/me" permissions={data && grantable(data.scopes)} />;
}
