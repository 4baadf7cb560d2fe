import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { useState } from "react";
import { MutationDialog } from "~/components/mutation-dialog";
import { type Person, PersonField } from "~/components/user/person-field";
import { TeamService } from "~/gen/flagstone/v1/team_service_pb";
import { Checkbox, Field, Select } from "~/ui/field";

export interface AddToTeamProps {
  /** `teams/{team}`, where that is fixed. */
  team?: string;
  /** Who, where that is fixed. */
  user?: Person;
  onClose: () => void;
}

/** Makes somebody a member of a team. */
export function AddToTeam({ team, user, onClose }: AddToTeamProps) {
  const [name, setName] = useState(team ?? "");
  const [person, setPerson] = useState(user);
  const [isLead, setIsLead] = useState(false);
  const teams = useQuery(TeamService.method.listTeams, team === undefined ? { pageSize: 200 } : skipToken);
  return (
    <MutationDialog
      title={user ? `Add ${user.displayName} to a team` : "Add a member"}
      description="Roles that are restricted to own teams then cover what the team owns."
      action="Add member"
      busy="Adding"
      failure="Nobody was added"
      method={TeamService.method.addTeamMember}
      call={(ids) => ({ name, user: person?.name ?? "", isLead, ...ids })}
      reason={!name ? "Choose a team." : !person && "Choose a person."}
      refreshes={["team"]}
      onDone={onClose}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          {team === undefined && (
            <Field label="Team" required errors={errorsOf("name")}>
              {(control) => (
                <Select {...control} value={name} onChange={(event) => setName(event.target.value)}>
                  <option value="">Choose a team</option>
                  {(teams.data?.teams ?? []).map((one) => (
                    <option key={one.name} value={one.name}>
                      {one.displayName}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
          )}
          {user === undefined && (
            <PersonField label="Person" required value={person} onChange={setPerson} errors={errorsOf("user")} />
          )}
          <Checkbox label="Leads the team" checked={isLead} onChange={(event) => setIsLead(event.target.checked)} />
        </>
      )}
    </MutationDialog>
  );
}
