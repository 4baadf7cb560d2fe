import { createClient } from "@connectrpc/connect";
import { KeyRound } from "lucide-react";
import { useState } from "react";
import { anonymousTransport } from "~/api/client";
import { ErrorNotice } from "~/components/error-notice";
import { AuthService, type SsoMethod } from "~/gen/flagstone/v1/auth_service_pb";
import { SsoProviderKind } from "~/gen/flagstone/v1/sso_provider_service_pb";
import { keepWay, leaveFor } from "~/lib/sso";
import { Button } from "~/ui/button";

const client = createClient(AuthService, anonymousTransport);

export interface SsoButtonsProps {
  methods: readonly SsoMethod[];
  organization: string;
  /** Where the person wants to go. */
  returnPath: string;
  /** Of the invitation that the login accepts. */
  invitationToken?: string;
}

/** One button for each provider; each leads away to it. */
export function SsoButtons({ methods, organization, returnPath, invitationToken }: SsoButtonsProps) {
  const [leaving, setLeaving] = useState("");
  const [error, setError] = useState<unknown>();
  const begin = async (provider: string) => {
    setLeaving(provider);
    setError(undefined);
    try {
      const begun = await client.beginSsoLogin({ provider, organization, returnPath, invitationToken });
      keepWay({ to: returnPath, ...(organization && { organization }) });
      leaveFor(begun.authorizationUrl);
    } catch (failure) {
      setError(failure);
      setLeaving("");
    }
  };
  return (
    <div className="flex flex-col gap-2">
      {error !== undefined && <ErrorNotice error={error} title="The provider was not reached" />}
      {methods.map(({ provider, displayName, kind }) => (
        <Button
          key={provider}
          className="min-w-0"
          icon={<ProviderMark kind={kind} />}
          busy={leaving === provider && `Going to ${displayName}`}
          disabled={leaving !== "" && leaving !== provider}
          onClick={() => void begin(provider)}
        >
          <span className="truncate" dir="auto">
            Continue with {displayName}
          </span>
        </Button>
      ))}
    </div>
  );
}

const GITHUB =
  "M8 0c4.42 0 8 3.58 8 8a8.013 8.013 0 0 1-5.45 7.59c-.4.08-.55-.17-.55-.38 0-.27.01-1.13.01-2.2 0-.75-.25-1.23-.54-1.48 1.78-.2 3.65-.88 3.65-3.95 0-.88-.31-1.59-.82-2.15.08-.2.36-1.02-.08-2.12 0 0-.67-.22-2.2.82-.64-.18-1.32-.27-2-.27-.68 0-1.36.09-2 .27-1.53-1.03-2.2-.82-2.2-.82-.44 1.1-.16 1.92-.08 2.12-.51.56-.82 1.28-.82 2.15 0 3.06 1.86 3.75 3.64 3.95-.23.2-.44.55-.51 1.07-.46.21-1.61.55-2.33-.66-.15-.24-.6-.83-1.23-.82-.67.01-.27.38.01.53.34.19.73.9.82 1.13.16.45.68 1.31 2.69.94 0 .67.01 1.3.01 1.49 0 .21-.15.45-.55.38A7.995 7.995 0 0 1 0 8c0-4.42 3.58-8 8-8Z";
const GOOGLE =
  "M8.32 7.28v2.19h5.23c-.16 1.23-.57 2.12-1.19 2.76-.77.76-1.96 1.6-4.04 1.6-3.22 0-5.73-2.6-5.73-5.82s2.51-5.82 5.73-5.82c1.73 0 3 .69 3.94 1.57l1.54-1.54C12.5.96 10.75 0 8.32 0 3.91 0 .2 3.59.2 8s3.71 8 8.12 8c2.38 0 4.18-.78 5.58-2.24 1.44-1.44 1.89-3.48 1.89-5.11 0-.51-.04-.98-.11-1.37Z";
const MICROSOFT = "M1 1h6.600v6.600H1zM8.400 1H15v6.600H8.400zM1 8.400h6.600V15H1zM8.400 8.400H15V15H8.400z";

const MARKS: Partial<Record<SsoProviderKind, string>> = {
  [SsoProviderKind.ENTRA]: MICROSOFT,
  [SsoProviderKind.GOOGLE]: GOOGLE,
  [SsoProviderKind.GITHUB]: GITHUB,
};

/** The provider's mark in the colour of the text; a key for any other. */
export function ProviderMark({ kind }: { kind: SsoProviderKind }) {
  const mark = MARKS[kind];
  if (!mark) return <KeyRound aria-hidden className="size-4 shrink-0" />;
  return (
    <svg viewBox="0 0 16 16" aria-hidden="true" className="size-4 shrink-0 fill-current">
      <path d={mark} />
    </svg>
  );
}
