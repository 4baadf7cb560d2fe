// Settings of the organization: a form of some of them. What is wrong stands at its field, and what it changes is shown before
// it is done.

import { createConnectQueryKey, useMutation, useQuery, useTransport } from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { refreshObjects } from "~/api/queries";
import { ConfirmRisk } from "~/components/confirm-risk";
import { ErrorNotice } from "~/components/error-notice";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { OrganizationService, type OrganizationSettings } from "~/gen/flagstone/v1/organization_service_pb";
import { fieldErrors } from "~/lib/field-errors";
import { changedPaths, type SettingName, type Settings } from "~/lib/organization-settings";
import { useRequestId } from "~/lib/use-request-id";
import { Button } from "~/ui/button";

export interface SettingsFieldsProps {
  settings: Settings;
  onChange: (patch: Partial<Settings>) => void;
  errorsOf: (field: string) => string[];
  /** They cannot be changed: the reason stands at the button. */
  disabled: boolean;
}

export interface SettingsFormProps {
  /** The settings that this form is about. */
  names: readonly SettingName[];
  reason: string | undefined;
  children: (props: SettingsFieldsProps) => ReactNode;
}

export function SettingsForm(props: SettingsFormProps) {
  const query = useQuery(OrganizationService.method.getOrganizationSettings, {});
  return (
    <QueryView query={query} title="The settings could not be read" lines={5}>
      {(settings) => <Form settings={settings} {...props} />}
    </QueryView>
  );
}

function Form({ settings, names, reason, children }: SettingsFormProps & { settings: OrganizationSettings }) {
  // Only what is changed here: what somebody else saves meanwhile shows, and nothing that was typed is lost.
  const [patch, setPatch] = useState<Partial<Settings>>({});
  const draft = { ...settings, ...patch };
  const [isConfirming, setIsConfirming] = useState(false);
  const paths = changedPaths(settings, draft, names);
  const call = {
    organizationSettings: {
      organization: settings.organization,
      etag: settings.etag,
      defaultRegion: draft.defaultRegion.trim(),
      defaultBusinessUnit: draft.defaultBusinessUnit,
      auditRetentionDays: draft.auditRetentionDays,
      selfServiceEnvironments: draft.selfServiceEnvironments,
      allowSelfApprovalTiers: draft.allowSelfApprovalTiers,
      passwordCharacterClasses: draft.passwordCharacterClasses,
    },
    updateMask: { paths },
  };
  const { id, renew } = useRequestId(call);
  const queryClient = useQueryClient();
  const queryKey = createConnectQueryKey({
    schema: OrganizationService.method.getOrganizationSettings,
    input: {},
    transport: useTransport(),
    cardinality: "finite",
  });
  const method = OrganizationService.method.updateOrganizationSettings;
  const dryRun = useMutation(method, { gcTime: 0, onSuccess: () => setIsConfirming(true) });
  const update = useMutation(method, {
    onSuccess: (answer) => {
      renew();
      setIsConfirming(false);
      // Before the patch goes: the fields must not show for a moment what was there before.
      queryClient.setQueryData(queryKey, answer);
      setPatch({});
      refreshObjects(["organization"]);
    },
  });
  const errors = fieldErrors(dryRun.error);
  const fields = children({
    settings: draft,
    onChange: (change) => {
      setPatch({ ...patch, ...change });
      dryRun.reset();
    },
    errorsOf: errors.of,
    disabled: reason !== undefined,
  });
  return (
    <form
      noValidate
      className="flex max-w-[640px] flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (reason || paths.length === 0 || dryRun.isPending) return;
        update.reset();
        dryRun.mutate({ ...call, requestId: crypto.randomUUID(), validateOnly: true });
      }}
    >
      {dryRun.error != null && (
        <ErrorNotice error={dryRun.error} title="Nothing was changed" fieldsElsewhere={errors.areShown()} />
      )}
      {fields}
      <div className="flex flex-wrap items-center gap-3">
        <Button
          type="submit"
          variant="primary"
          busy={dryRun.isPending && "Looking"}
          reason={reason ?? (paths.length === 0 && "Nothing is changed.")}
        >
          Save settings
        </Button>
        {paths.length > 0 && (
          <Button
            variant="ghost"
            onClick={() => {
              setPatch({});
              dryRun.reset();
            }}
          >
            Undo changes
          </Button>
        )}
        {settings.updateTime && (
          <span className="text-muted text-sm">
            Last changed <RelativeTime time={settings.updateTime} />
          </span>
        )}
      </div>
      <ConfirmRisk
        open={isConfirming}
        onOpenChange={setIsConfirming}
        title="Change the settings?"
        description="They hold for the whole organization, at once."
        action="Change settings"
        effects={dryRun.data?.effects}
        busy={update.isPending && "Changing them"}
        error={update.error}
        onConfirm={() => update.mutate({ ...call, requestId: id, validateOnly: false })}
      />
    </form>
  );
}
