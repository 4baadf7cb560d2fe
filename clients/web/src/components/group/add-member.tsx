import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { useState } from "react";
import { MutationDialog } from "~/components/mutation-dialog";
import { type Person, PersonField } from "~/components/user/person-field";
import { GroupService } from "~/gen/flagstone/v1/group_service_pb";
import { unitOf } from "~/lib/names";
import { Field, Select } from "~/ui/field";

export interface AddToGroupProps {
  /** The group, where that is fixed. */
  group?: string;
  /** Who, where that is fixed. */
  user?: Person;
  onClose: () => void;
}

/** Makes somebody a member of a group, and shows before what that gives. */
export function AddToGroup({ group, user, onClose }: AddToGroupProps) {
  const [name, setName] = useState(group ?? "");
  const [person, setPerson] = useState(user);
  const groups = useQuery(
    GroupService.method.listGroups,
    group === undefined ? { parent: "businessUnits/-", pageSize: 200 } : skipToken,
  );
  return (
    <MutationDialog
      title={user ? `Add ${user.displayName} to a group` : "Add a member"}
      description="Gives every role of the group at once. You can give only what you hold yourself."
      action="Add member"
      busy="Adding"
      failure="Nobody was added"
      method={GroupService.method.addGroupMember}
      call={(ids) => ({ name, user: person?.name ?? "", ...ids })}
      reason={!name ? "Choose a group." : !person && "Choose a person."}
      refreshes={["group"]}
      onDone={onClose}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          {group === undefined && (
            <Field
              label="Group"
              help="A group of a business unit takes members of the unit only."
              required
              errors={errorsOf("name")}
            >
              {(control) => (
                <Select {...control} value={name} onChange={(event) => setName(event.target.value)}>
                  <option value="">Choose a group</option>
                  {(groups.data?.groups ?? []).map((one) => (
                    <option key={one.name} value={one.name}>
                      {one.displayName}
                      {unitOf(one.name) && ` (${unitOf(one.name)})`}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
          )}
          {user === undefined && (
            <PersonField label="Person" required value={person} onChange={setPerson} errors={errorsOf("user")} />
          )}
        </>
      )}
    </MutationDialog>
  );
}
