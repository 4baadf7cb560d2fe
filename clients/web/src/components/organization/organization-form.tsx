import { useState } from "react";
import { MutationDialog } from "~/components/mutation-dialog";
import { DescriptionField, IdField, NameField } from "~/components/named-fields";
import { LinkDialog } from "~/components/user/create-user";
import {
  type CreateOrganizationResponse,
  type Organization,
  OrganizationService,
} from "~/gen/flagstone/v1/organization_service_pb";
import { idFor } from "~/lib/roles";
import { Field, Input } from "~/ui/field";

/** Makes a tenant, and the invitation of its first administrator. */
export function CreateOrganization({ onDone, onClose }: { onDone: (name: string) => void; onClose: () => void }) {
  const [displayName, setDisplayName] = useState("");
  const [typedId, setTypedId] = useState<string>();
  const [description, setDescription] = useState("");
  const [adminEmail, setAdminEmail] = useState("");
  const [made, setMade] = useState<CreateOrganizationResponse>();
  const organizationId = (typedId ?? idFor(displayName)).trim();
  if (made) {
    return (
      <LinkDialog
        title="The organization is made"
        label="link"
        link={made.invitationLink}
        note={`Hand it to ${adminEmail.trim()}, who becomes the first administrator. It is shown this once and works once, for 7 days.`}
        done="I have copied the link"
        onDone={() => onDone(made.organization?.name ?? "")}
      />
    );
  }
  return (
    <MutationDialog
      title="Create an organization"
      description="With the built-in roles, policies and templates. You get no right inside it."
      action="Create organization"
      busy="Creating it"
      failure="The organization was not created"
      method={OrganizationService.method.createOrganization}
      call={(ids) => ({
        organizationId,
        organization: { displayName: displayName.trim(), description: description.trim() },
        adminEmail: adminEmail.trim(),
        ...ids,
      })}
      reason={
        !displayName.trim() || !organizationId
          ? "Give it a name and an id."
          : !adminEmail.trim() && "Fill in the address of its first administrator."
      }
      refreshes={["organization"]}
      onDone={setMade}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <NameField value={displayName} onChange={setDisplayName} errorsOf={errorsOf} />
          <IdField value={organizationId} onChange={setTypedId} errorsOf={errorsOf} field="organization_id" />
          <DescriptionField value={description} onChange={setDescription} errorsOf={errorsOf} max={1000} />
          <Field
            label="E-mail address of the first administrator"
            help="You get a link to hand over."
            required
            errors={errorsOf("admin_email")}
          >
            {(control) => (
              <Input
                {...control}
                type="email"
                autoComplete="off"
                maxLength={320}
                value={adminEmail}
                onChange={(event) => setAdminEmail(event.target.value)}
              />
            )}
          </Field>
        </>
      )}
    </MutationDialog>
  );
}

/** Changes the caller's own organization. */
export function EditOrganization({
  organization: { name, etag, ...organization },
  onClose,
}: {
  organization: Organization;
  onClose: () => void;
}) {
  const [displayName, setDisplayName] = useState(organization.displayName);
  const [description, setDescription] = useState(organization.description);
  const [logoUrl, setLogoUrl] = useState(organization.logoUrl);
  return (
    <MutationDialog
      title="Change the organization"
      action="Save organization"
      busy="Saving"
      failure="The organization was not changed"
      method={OrganizationService.method.updateOrganization}
      call={(ids) => ({
        organization: {
          name,
          etag,
          displayName: displayName.trim(),
          description: description.trim(),
          logoUrl: logoUrl.trim(),
        },
        updateMask: { paths: ["display_name", "description", "logo_url"] },
        ...ids,
      })}
      reason={!displayName.trim() && "Give it a name."}
      refreshes={["organization"]}
      onDone={onClose}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <NameField value={displayName} onChange={setDisplayName} errorsOf={errorsOf} />
          <DescriptionField value={description} onChange={setDescription} errorsOf={errorsOf} max={1000} />
          <Field label="Logo" help="Address of a picture, beginning with https://" errors={errorsOf("logo_url")}>
            {(control) => (
              <Input
                {...control}
                type="url"
                autoComplete="off"
                maxLength={2000}
                value={logoUrl}
                onChange={(event) => setLogoUrl(event.target.value)}
              />
            )}
          </Field>
        </>
      )}
    </MutationDialog>
  );
}
