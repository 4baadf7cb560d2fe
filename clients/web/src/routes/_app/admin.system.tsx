import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute } from "@tanstack/react-router";
import { RotateCw } from "lucide-react";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { EmptyState } from "~/components/empty-state";
import { Page, Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { RiskyButton } from "~/components/risky-button";
import { SigningKeyList } from "~/components/settings/signing-key-list";
import { WorkloadIdentityService } from "~/gen/flagstone/v1/workload_identity_service_pb";

export const Route = createFileRoute("/_app/admin/system")({ component: System });

const ROTATE = "platform:signing_keys:rotate";
const ICON = { "aria-hidden": true, className: "size-4" } as const;

function System() {
  // A rotation is in the audit and in nothing that can be watched: the keys are read again when it is done here.
  useLive({});
  const query = useQuery(WorkloadIdentityService.method.listSigningKeys, {});
  const reason = useChecks([{ permission: ROTATE, object: "" }]).reason(ROTATE, "");
  return (
    <Page
      title="System"
      lead="What this installation signs with. Others check its tokens by the public keys."
      crumbs={[{ to: "/admin", label: "Administration" }]}
      actions={reason && <WhyNot permission={ROTATE} object="" action="rotate the signing key" />}
    >
      <Section
        title="Signing keys"
        actions={
          <RiskyButton
            size="sm"
            icon={<RotateCw {...ICON} />}
            reason={reason}
            title="Rotate the signing key?"
            description="A new key is made. It signs once everybody who keeps the public keys knows it; the one before it counts until the last token that it signed has ended. Nobody is logged out."
            confirmText="rotate"
            action="Rotate signing key"
            busy="Rotating it"
            method={WorkloadIdentityService.method.rotateSigningKey}
            call={(ids) => ids}
            refreshes={[]}
            onDone={() => void query.refetch()}
          >
            Rotate signing key
          </RiskyButton>
        }
      >
        <QueryView query={query} title="The signing keys could not be read" lines={4}>
          {({ signingKeys }) =>
            signingKeys.length === 0 ? (
              <EmptyState>There is no signing key: nothing can be signed. Rotate to make one.</EmptyState>
            ) : (
              <SigningKeyList keys={signingKeys} />
            )
          }
        </QueryView>
        <p className="text-muted text-sm">
          The server also rotates by itself. The public keys are at <code>/.well-known/jwks.json</code>, for everybody.
        </p>
      </Section>
    </Page>
  );
}
