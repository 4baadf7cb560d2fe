import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { MutationDialog } from "~/components/mutation-dialog";
import { DescriptionField, IdField, NameField } from "~/components/named-fields";
import { GroupService } from "~/gen/flagstone/v1/group_service_pb";
import { type Team, TeamService } from "~/gen/flagstone/v1/team_service_pb";
import { idOf } from "~/lib/names";
import { idFor } from "~/lib/roles";
import { Field, Select } from "~/ui/field";

/** Makes a team without members. */
export function CreateTeam({ onDone, onClose }: { onDone: (name: string) => void; onClose: () => void }) {
  const [displayName, setDisplayName] = useState("");
  const [typedId, setTypedId] = useState<string>();
  const [description, setDescription] = useState("");
  const [linkedGroup, setLinkedGroup] = useState("");
  const teamId = (typedId ?? idFor(displayName)).trim();
  return (
    <MutationDialog
      title="Create a team"
      description="A team owns deployments. By itself it gives no right."
      action="Create team"
      busy="Creating the team"
      failure="The team was not created"
      method={TeamService.method.createTeam}
      call={(ids) => ({
        teamId,
        team: { displayName: displayName.trim(), description: description.trim(), linkedGroup },
        ...ids,
      })}
      reason={(!displayName.trim() || !teamId) && "Give it a name and an id."}
      refreshes={["team"]}
      onDone={({ name }) => onDone(name)}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <NameField value={displayName} onChange={setDisplayName} errorsOf={errorsOf} />
          <IdField value={teamId} onChange={setTypedId} errorsOf={errorsOf} field="team_id" />
          <DescriptionField value={description} onChange={setDescription} errorsOf={errorsOf} max={500} />
          <LinkedGroup value={linkedGroup} onChange={setLinkedGroup} errors={errorsOf("linked_group")} />
        </>
      )}
    </MutationDialog>
  );
}

/** Changes a team. */
export function EditTeam({ team: { name, etag, ...team }, onClose }: { team: Team; onClose: () => void }) {
  const [displayName, setDisplayName] = useState(team.displayName);
  const [description, setDescription] = useState(team.description);
  const [linkedGroup, setLinkedGroup] = useState(team.linkedGroup);
  return (
    <MutationDialog
      title="Change the team"
      action="Save team"
      busy="Saving"
      failure="The team was not changed"
      method={TeamService.method.updateTeam}
      call={(ids) => ({
        team: { name, etag, displayName: displayName.trim(), description: description.trim(), linkedGroup },
        updateMask: { paths: ["display_name", "description", "linked_group"] },
        ...ids,
      })}
      reason={!displayName.trim() && "Give it a name."}
      refreshes={["team"]}
      onDone={onClose}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <NameField value={displayName} onChange={setDisplayName} errorsOf={errorsOf} />
          <DescriptionField value={description} onChange={setDescription} errorsOf={errorsOf} max={500} />
          <LinkedGroup value={linkedGroup} onChange={setLinkedGroup} errors={errorsOf("linked_group")} />
        </>
      )}
    </MutationDialog>
  );
}

interface LinkedGroupProps {
  value: string;
  onChange: (group: string) => void;
  errors: readonly string[];
}

function LinkedGroup({ value, onChange, errors }: LinkedGroupProps) {
  const { data } = useQuery(GroupService.method.listGroups, { pageSize: 200 });
  const groups = data?.groups ?? [];
  return (
    <Field
      label="Linked group"
      help="The group that its people are in, for those who look for it. Its members do not become members of the team."
      errors={errors}
    >
      {(control) => (
        <Select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">None</option>
          {/* One that is not on the first page, or that the caller may not list, is kept. */}
          {value && !groups.some(({ name }) => name === value) && <option value={value}>{idOf(value)}</option>}
          {groups.map(({ name, displayName }) => (
            <option key={name} value={name}>
              {displayName}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
