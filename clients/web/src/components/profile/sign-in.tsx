import { useMutation, useQuery } from "@connectrpc/connect-query";
import { ErrorNotice } from "~/components/error-notice";
import { Notice } from "~/components/notice";
import { QueryView } from "~/components/query-view";
import { ProviderMark } from "~/components/session/sso-buttons";
import { AuthService } from "~/gen/flagstone/v1/auth_service_pb";
import { failureWords, leaveFor } from "~/lib/sso";
import { Button } from "~/ui/button";

export interface SignInProps {
  organization: string;
  /** Why the last link failed, by code. */
  failure: string | undefined;
  /** One has just come back from a provider whose account is linked now. */
  wasLinked: boolean;
}

/** The providers through which one can log in, and the way to link an account at one (R010). */
export function SignIn({ organization, failure, wasLinked }: SignInProps) {
  const methods = useQuery(AuthService.method.listAuthMethods, { organization }, { staleTime: 60_000 });
  const link = useMutation(AuthService.method.beginSsoLink, {
    onSuccess: ({ authorizationUrl }) => leaveFor(authorizationUrl),
  });
  const words = failure === undefined ? undefined : failureWords(failure);
  return (
    <div className="flex max-w-[720px] flex-col gap-4">
      {words && (
        <Notice kind="failure" title={`Nothing was linked: ${words.title.toLowerCase()}`}>
          {words.text}
        </Notice>
      )}
      {wasLinked && !words && (
        <Notice kind="success">The account is linked. You can log in through it from now on.</Notice>
      )}
      {link.error != null && <ErrorNotice error={link.error} title="The provider was not reached" />}
      <QueryView query={methods} title="The providers could not be read" lines={2}>
        {({ ssoMethods }) =>
          ssoMethods.length === 0 ? (
            <p className="text-muted">Your organization has no provider through which one can log in.</p>
          ) : (
            <>
              <p className="text-muted">
                Link your account at a provider, whatever its address is, to log in through it. You are sent there, and
                come back here.
              </p>
              <ul aria-label="Providers" className="border-line border-t">
                {ssoMethods.map(({ provider, displayName, kind }) => (
                  <li key={provider} className="flex min-h-11 items-center gap-3 border-line border-b py-1.5">
                    <ProviderMark kind={kind} />
                    <span className="min-w-0 flex-1 break-words font-medium" dir="auto">
                      {displayName}
                    </span>
                    <Button
                      size="sm"
                      aria-label={`Link an account at ${displayName}`}
                      busy={link.isPending && link.variables?.provider === provider && "Going there"}
                      onClick={() => link.mutate({ provider, returnPath: "/profile?tab=sign-in&linked=true" })}
                    >
                      Link account
                    </Button>
                  </li>
                ))}
              </ul>
            </>
          )
        }
      </QueryView>
    </div>
  );
}
