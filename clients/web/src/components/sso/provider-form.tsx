// Making and changing an SSO provider. The secret is typed in and never shown again.

import { useState } from "react";
import { CopyButton } from "~/components/copy-button";
import { MutationDialog } from "~/components/mutation-dialog";
import { IdField } from "~/components/named-fields";
import { type SsoProvider, SsoProviderKind, SsoProviderService } from "~/gen/flagstone/v1/sso_provider_service_pb";
import { wordsOf } from "~/lib/words-of";
import { Checkbox, Field, Input, Select, TextArea } from "~/ui/field";

interface KindLook {
  word: string;
  issuer: string;
  issuerHelp: string;
  domainsHelp: string;
  scopes: string;
}

const KNOWN_ONLY =
  "One in a line. Empty: only those come in who have an account here already, or an invitation, because everybody has an account there.";
const ANYBODY = "One in a line. Empty: every address that the provider vouches for.";
const OPENID = "openid profile email";

const KINDS: Partial<Record<SsoProviderKind, KindLook>> = {
  [SsoProviderKind.ENTRA]: {
    word: "Microsoft Entra ID",
    issuer: "https://login.microsoftonline.com/{tenant}/v2.0",
    issuerHelp: "With the id of your own tenant.",
    domainsHelp: ANYBODY,
    scopes: OPENID,
  },
  [SsoProviderKind.GOOGLE]: {
    word: "Google",
    issuer: "https://accounts.google.com",
    issuerHelp: "Empty: https://accounts.google.com",
    domainsHelp: KNOWN_ONLY,
    scopes: OPENID,
  },
  [SsoProviderKind.GITHUB]: {
    word: "GitHub",
    issuer: "https://github.com",
    issuerHelp: "Empty: https://github.com. Else the address of your GitHub Enterprise Server.",
    domainsHelp: KNOWN_ONLY,
    scopes: "read:user user:email",
  },
  [SsoProviderKind.OIDC]: {
    word: "OpenID Connect",
    issuer: "https://id.example.org",
    issuerHelp: "What the provider calls itself: an https address without query.",
    domainsHelp: ANYBODY,
    scopes: OPENID,
  },
};

export function providerWord(kind: SsoProviderKind): string {
  return KINDS[kind]?.word ?? "Unknown";
}

const CHOICES = Object.entries(KINDS).map(([kind, { word }]) => ({ kind: Number(kind), word }));

/** Where providers send people back to: the same for all. A provider that is there says it itself. */
const CALLBACK = `${window.location.origin}/auth/sso/callback`;

export function Callback({ url }: { url: string }) {
  return (
    <span className="inline-flex max-w-full items-center gap-1">
      <code className="min-w-0 break-all">{url}</code>
      <CopyButton text={url} label="Copy the redirect address" />
    </span>
  );
}

/** What both forms hold. */
interface Content {
  displayName: string;
  issuer: string;
  clientId: string;
  clientSecret: string;
  scopes: string;
  emailDomains: string;
  active: boolean;
}

function contentOf(provider?: SsoProvider): Content {
  return {
    displayName: provider?.displayName ?? "",
    issuer: provider?.issuer ?? "",
    clientId: provider?.clientId ?? "",
    clientSecret: "",
    scopes: provider?.scopes.join(" ") ?? "",
    emailDomains: provider?.emailDomains.join("\n") ?? "",
    active: provider?.active ?? true,
  };
}

/** As it is sent, without the secret. */
function messageOf({ displayName, issuer, clientId, scopes, emailDomains, active }: Content) {
  return {
    displayName: displayName.trim(),
    issuer: issuer.trim(),
    clientId: clientId.trim(),
    scopes: wordsOf(scopes),
    emailDomains: wordsOf(emailDomains),
    active,
  };
}

const missing = ({ displayName, clientId }: Content) =>
  !displayName.trim() ? "Give it a name." : !clientId.trim() && "Fill in the client id.";

export function CreateProvider({ onDone, onClose }: { onDone: (provider: SsoProvider) => void; onClose: () => void }) {
  const [id, setId] = useState("");
  const [kind, setKind] = useState(SsoProviderKind.ENTRA);
  const [content, setContent] = useState(() => contentOf());
  return (
    <MutationDialog
      title="Add an SSO provider"
      description="Whoever decides on a provider decides who may come in as whom: it needs every permission of a platform administrator."
      action="Add provider"
      busy="Adding it"
      failure="The provider was not added"
      method={SsoProviderService.method.createSsoProvider}
      call={(ids) => ({
        ssoProviderId: id.trim(),
        ssoProvider: { kind, clientSecret: content.clientSecret, ...messageOf(content) },
        ...ids,
      })}
      reason={!id.trim() ? "Give it an id." : missing(content)}
      refreshes={["sso_provider"]}
      onDone={onDone}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <Field label="Kind" help="It never changes." errors={errorsOf("kind")}>
            {(control) => (
              <Select {...control} value={kind} onChange={(event) => setKind(Number(event.target.value))}>
                {CHOICES.map((choice) => (
                  <option key={choice.kind} value={choice.kind}>
                    {choice.word}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <div>
            <p className="font-medium">Redirect address</p>
            <p className="text-muted text-sm">The provider asks for it before it gives a client id.</p>
            <Callback url={CALLBACK} />
          </div>
          <IdField value={id} onChange={setId} errorsOf={errorsOf} field="sso_provider_id" />
          <ContentFields kind={kind} content={content} onChange={setContent} hasSecret={false} errorsOf={errorsOf} />
        </>
      )}
    </MutationDialog>
  );
}

export function EditProvider({ provider, onClose }: { provider: SsoProvider; onClose: () => void }) {
  const { name, etag, kind, hasClientSecret } = provider;
  const [content, setContent] = useState(() => contentOf(provider));
  const [removesSecret, setRemovesSecret] = useState(false);
  // What is not in the mask stays as it is: an empty field keeps the secret.
  const changesSecret = removesSecret || content.clientSecret !== "";
  const paths = ["display_name", "issuer", "client_id", "scopes", "email_domains", "active"];
  return (
    <MutationDialog
      title={`Change ${provider.displayName}`}
      description="With another issuer nobody who came in before is known any more: each is linked anew by a verified address."
      action="Save provider"
      busy="Saving"
      failure="The provider was not changed"
      method={SsoProviderService.method.updateSsoProvider}
      call={(ids) => ({
        ssoProvider: { name, etag, clientSecret: removesSecret ? "" : content.clientSecret, ...messageOf(content) },
        updateMask: { paths: changesSecret ? [...paths, "client_secret"] : paths },
        ...ids,
      })}
      reason={missing(content)}
      refreshes={["sso_provider"]}
      onDone={onClose}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <ContentFields
            kind={kind}
            content={content}
            onChange={setContent}
            hasSecret={hasClientSecret}
            removesSecret={removesSecret}
            errorsOf={errorsOf}
          />
          {hasClientSecret && (
            <Checkbox
              label="Remove the stored client secret"
              checked={removesSecret}
              onChange={(event) => setRemovesSecret(event.target.checked)}
            />
          )}
        </>
      )}
    </MutationDialog>
  );
}

interface ContentFieldsProps {
  kind: SsoProviderKind;
  content: Content;
  onChange: (content: Content) => void;
  hasSecret: boolean;
  removesSecret?: boolean;
  errorsOf: (field: string) => string[];
}

const PLAIN = { autoCapitalize: "none", autoComplete: "off", spellCheck: false } as const;

function ContentFields({ kind, content, onChange, hasSecret, removesSecret = false, errorsOf }: ContentFieldsProps) {
  const look = KINDS[kind];
  const set = (patch: Partial<Content>) => onChange({ ...content, ...patch });
  return (
    <>
      <Field
        label="Name"
        help="What stands on the button of the login page."
        required
        errors={errorsOf("display_name")}
      >
        {(control) => (
          <Input
            {...control}
            dir="auto"
            autoComplete="off"
            maxLength={100}
            value={content.displayName}
            onChange={(event) => set({ displayName: event.target.value })}
          />
        )}
      </Field>
      <Field label="Issuer" help={look?.issuerHelp} errors={errorsOf("issuer")}>
        {(control) => (
          <Input
            {...control}
            {...PLAIN}
            type="url"
            maxLength={2000}
            placeholder={look?.issuer}
            value={content.issuer}
            onChange={(event) => set({ issuer: event.target.value })}
          />
        )}
      </Field>
      <div className="grid gap-4 md:grid-cols-2">
        <Field label="Client id" help="From the provider." required errors={errorsOf("client_id")}>
          {(control) => (
            <Input
              {...control}
              {...PLAIN}
              className="font-mono text-sm"
              maxLength={255}
              value={content.clientId}
              onChange={(event) => set({ clientId: event.target.value })}
            />
          )}
        </Field>
        <Field
          label="Client secret"
          help={
            hasSecret
              ? "One is stored. Empty keeps it; it is never shown."
              : "From the provider. It is never shown again."
          }
          errors={errorsOf("client_secret")}
        >
          {(control) => (
            <Input
              {...control}
              {...PLAIN}
              type="password"
              // Not the password of an account: the browser has none to offer, and none to keep.
              autoComplete="new-password"
              maxLength={1024}
              disabled={removesSecret}
              value={removesSecret ? "" : content.clientSecret}
              onChange={(event) => set({ clientSecret: event.target.value })}
            />
          )}
        </Field>
      </div>
      <Field label="E-mail domains" help={look?.domainsHelp} errors={errorsOf("email_domains")}>
        {(control) => (
          <TextArea
            {...control}
            {...PLAIN}
            className="min-h-14 font-mono text-sm"
            placeholder="example.org"
            value={content.emailDomains}
            onChange={(event) => set({ emailDomains: event.target.value })}
          />
        )}
      </Field>
      <Field label="Scopes" help={`What a login asks for. Empty: ${look?.scopes}`} errors={errorsOf("scopes")}>
        {(control) => (
          <Input
            {...control}
            {...PLAIN}
            className="font-mono text-sm"
            value={content.scopes}
            onChange={(event) => set({ scopes: event.target.value })}
          />
        )}
      </Field>
      <Checkbox
        label="Offer it on the login page"
        checked={content.active}
        onChange={(event) => set({ active: event.target.checked })}
      />
    </>
  );
}
