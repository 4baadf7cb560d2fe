// Who vouches for people at their login: the providers of the organization, each with what it needs and a test.

import { useInfiniteQuery, useMutation } from "@connectrpc/connect-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { EmptyState } from "~/components/empty-state";
import { ErrorNotice } from "~/components/error-notice";
import { Notice } from "~/components/notice";
import { Facts } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { RiskyButton } from "~/components/risky-button";
import { ActivityBadge } from "~/components/state-badge";
import {
  type SsoProvider,
  SsoProviderService,
  type TestSsoProviderResponse,
} from "~/gen/flagstone/v1/sso_provider_service_pb";
import { count } from "~/lib/format";
import { idOf } from "~/lib/names";
import { Button } from "~/ui/button";
import { Words } from "~/ui/words";
import { Callback, CreateProvider, EditProvider, providerWord } from "./provider-form";

export function ProviderList({ reason }: { reason: string | undefined }) {
  const [isAdding, setIsAdding] = useState(false);
  const [added, setAdded] = useState<SsoProvider>();
  const query = useInfiniteQuery(
    SsoProviderService.method.listSsoProviders,
    { pageSize: 50, orderBy: "create_time", pageToken: "" },
    { pageParamKey: "pageToken", getNextPageParam: (last) => last.nextPageToken || undefined },
  );
  const add = (
    <Button
      variant="primary"
      icon={<Plus aria-hidden className="size-4" />}
      reason={reason}
      onClick={() => setIsAdding(true)}
    >
      Add SSO provider
    </Button>
  );
  return (
    <div className="flex max-w-[960px] flex-col gap-4">
      {added && (
        <Notice kind="success" title={`${added.displayName} is added`}>
          <p>Tell the provider this redirect address, then test it here:</p>
          <Callback url={added.callbackUrl} />
        </Notice>
      )}
      <QueryView query={query} title="The SSO providers could not be read" lines={4}>
        {({ pages }) => {
          const providers = pages.flatMap((page) => page.ssoProviders);
          if (providers.length === 0) {
            return (
              <EmptyState action={add} command="flagstone sso-providers list">
                Everybody logs in with a password. With a provider, people log in with the account that they have
                already.
              </EmptyState>
            );
          }
          return (
            <>
              <div className="flex flex-wrap items-center justify-between gap-2">
                <p className="text-muted">Offered on the login page beside the password.</p>
                {add}
              </div>
              <ul aria-label="SSO providers" className="border-line border-t">
                {providers.map((provider) => (
                  <Provider key={provider.name} provider={provider} reason={reason} />
                ))}
              </ul>
              {query.hasNextPage && (
                <div>
                  <Button busy={query.isFetchingNextPage && "Reading"} onClick={() => void query.fetchNextPage()}>
                    Show more providers
                  </Button>
                </div>
              )}
            </>
          );
        }}
      </QueryView>
      {isAdding && (
        <CreateProvider
          onClose={() => setIsAdding(false)}
          onDone={(provider) => {
            setIsAdding(false);
            setAdded(provider);
          }}
        />
      )}
    </div>
  );
}

function Provider({ provider, reason }: { provider: SsoProvider; reason: string | undefined }) {
  const {
    name,
    displayName,
    kind,
    issuer,
    clientId,
    hasClientSecret,
    scopes,
    emailDomains,
    active,
    callbackUrl,
    etag,
  } = provider;
  const [isEditing, setIsEditing] = useState(false);
  const test = useMutation(SsoProviderService.method.testSsoProvider);
  const id = idOf(name);
  return (
    <li className="flex flex-col gap-3 border-line border-b py-3">
      <div className="flex flex-wrap items-center gap-2">
        <KeyRound aria-hidden className="size-4 shrink-0 text-muted" />
        <h2 className="min-w-0 break-words font-semibold" dir="auto">
          {displayName}
        </h2>
        <ActivityBadge active={active} />
        <div className="ml-auto flex flex-wrap gap-2">
          <Button size="sm" reason={reason} busy={test.isPending && "Testing"} onClick={() => test.mutate({ name })}>
            Test provider
          </Button>
          <Button size="sm" reason={reason} aria-label={`Change ${displayName}`} onClick={() => setIsEditing(true)}>
            Change
          </Button>
          <RiskyButton
            size="sm"
            label={`Delete ${displayName}`}
            reason={reason}
            title={`Delete ${displayName}?`}
            description="Nobody comes in through it any more; logins that are under way end. Sessions that it opened go on until they end."
            confirmText={id}
            action="Delete provider"
            busy="Deleting it"
            method={SsoProviderService.method.deleteSsoProvider}
            call={(ids) => ({ name, etag, ...ids })}
            refreshes={["sso_provider"]}
          >
            Delete
          </RiskyButton>
        </div>
      </div>
      <Facts
        facts={[
          ["Kind", providerWord(kind)],
          [
            "Issuer",
            <span key="issuer" className="break-all">
              {issuer || <span className="text-muted">The provider’s own</span>}
            </span>,
          ],
          [
            "Client id",
            <code key="client" className="break-all">
              {clientId}
            </code>,
          ],
          ["Client secret", hasClientSecret ? "Stored, never shown" : "None"],
          ["Redirect address", <Callback key="callback" url={callbackUrl} />],
          [
            "E-mail domains",
            <span key="domains" className="break-words">
              {emailDomains.join(", ") || <span className="text-muted">Not limited</span>}
            </span>,
          ],
          scopes.length > 0 && ["Scopes", <code key="scopes">{scopes.join(" ")}</code>],
        ]}
      />
      {test.error != null && <ErrorNotice error={test.error} title="The provider could not be tested" />}
      {test.data && <Tested answer={test.data} />}
      {isEditing && (
        <EditProvider
          provider={provider}
          onClose={() => {
            setIsEditing(false);
            // What was found says nothing of another content.
            test.reset();
          }}
        />
      )}
    </li>
  );
}

function Tested({ answer: { problems, authorizationEndpoint, signingKeys } }: { answer: TestSsoProviderResponse }) {
  if (problems.length > 0) {
    return (
      <Notice kind="failure" title="A login would not work">
        <ul className="list-disc pl-4">
          {problems.map((problem) => (
            <li key={problem}>
              <Words text={problem} />
            </li>
          ))}
        </ul>
      </Notice>
    );
  }
  return (
    <Notice kind="success" title="Nothing was found that would keep a login from working">
      <p>
        {signingKeys > 0 && `The provider signs with ${count(signingKeys, "key")}. `}
        {authorizationEndpoint && (
          <>
            People are sent to <span className="break-all">{authorizationEndpoint}</span>.{" "}
          </>
        )}
        The client secret is tried by a login alone: log in once through it.
      </p>
    </Notice>
  );
}
