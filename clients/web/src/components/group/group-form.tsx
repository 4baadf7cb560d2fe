import { useState } from "react";
import { ScopeField } from "~/components/business-unit/scope-field";
import { MutationDialog } from "~/components/mutation-dialog";
import { DescriptionField, IdField, NameField } from "~/components/named-fields";
import { type Group, GroupService } from "~/gen/flagstone/v1/group_service_pb";
import { idFor } from "~/lib/roles";

export interface CreateGroupProps {
  /** `businessUnits/{bu}` where it can only be of this unit. */
  unit?: string;
  /** Gets the group's name. */
  onDone: (name: string) => void;
  onClose: () => void;
}

/** Makes a group of the organization or of a business unit, without members and roles. */
export function CreateGroup({ unit, onDone, onClose }: CreateGroupProps) {
  const [parent, setParent] = useState(unit ?? "");
  const [displayName, setDisplayName] = useState("");
  const [typedId, setTypedId] = useState<string>();
  const [description, setDescription] = useState("");
  const groupId = (typedId ?? idFor(displayName)).trim();
  return (
    <MutationDialog
      title="Create a group"
      description="It gives nothing at first: add members and roles on its page."
      action="Create group"
      busy="Creating the group"
      failure="The group was not created"
      method={GroupService.method.createGroup}
      call={(ids) => ({
        parent,
        groupId,
        group: { displayName: displayName.trim(), description: description.trim() },
        ...ids,
      })}
      reason={(!displayName.trim() || !groupId) && "Give it a name and an id."}
      refreshes={["group"]}
      onDone={({ name }) => onDone(name)}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <NameField value={displayName} onChange={setDisplayName} errorsOf={errorsOf} />
          <IdField value={groupId} onChange={setTypedId} errorsOf={errorsOf} field="group_id" />
          {unit === undefined && <ScopeField value={parent} onChange={setParent} errors={errorsOf("parent")} />}
          <DescriptionField value={description} onChange={setDescription} errorsOf={errorsOf} max={500} />
        </>
      )}
    </MutationDialog>
  );
}

/** Changes what a group is called. */
export function EditGroup({ group: { name, etag, ...group }, onClose }: { group: Group; onClose: () => void }) {
  const [displayName, setDisplayName] = useState(group.displayName);
  const [description, setDescription] = useState(group.description);
  return (
    <MutationDialog
      title="Change the group"
      action="Save group"
      busy="Saving"
      failure="The group was not changed"
      method={GroupService.method.updateGroup}
      call={(ids) => ({
        group: { name, etag, displayName: displayName.trim(), description: description.trim() },
        updateMask: { paths: ["display_name", "description"] },
        ...ids,
      })}
      reason={!displayName.trim() && "Give it a name."}
      refreshes={["group"]}
      onDone={onClose}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <NameField value={displayName} onChange={setDisplayName} errorsOf={errorsOf} />
          <DescriptionField value={description} onChange={setDescription} errorsOf={errorsOf} max={500} />
        </>
      )}
    </MutationDialog>
  );
}
