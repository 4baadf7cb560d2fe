import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { TransportProvider } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { useState } from "react";
import { expect, test } from "vitest";
import { queryClient } from "~/api/queries";
import { type CreateTeamRequest, TeamService } from "~/gen/flagstone/v1/team_service_pb";
import { BadRequestSchema } from "~/gen/google/rpc/error_details_pb";
import { Field, Input } from "~/ui/field";
import { TooltipProvider } from "~/ui/tooltip";
import { MutationDialog } from "./mutation-dialog";

function Form({ onDone }: { onDone: (name: string) => void }) {
  const [teamId, setTeamId] = useState("shop");
  return (
    <MutationDialog
      title="Create a team"
      action="Create team"
      busy="Creating"
      failure="The team was not created"
      method={TeamService.method.createTeam}
      call={(ids) => ({ teamId, ...ids })}
      refreshes={["team"]}
      onDone={({ name }) => onDone(name)}
      onClose={() => undefined}
    >
      {(errorsOf) => (
        <Field label="Id" errors={errorsOf("team_id")}>
          {(control) => <Input {...control} value={teamId} onChange={(event) => setTeamId(event.target.value)} />}
        </Field>
      )}
    </MutationDialog>
  );
}

function show(createTeam: (request: CreateTeamRequest) => { name: string }) {
  const done: string[] = [];
  const transport = createRouterTransport(({ service }) => service(TeamService, { createTeam }));
  render(
    <TransportProvider transport={transport}>
      <QueryClientProvider client={queryClient}>
        <TooltipProvider>
          <Form onDone={(name) => done.push(name)} />
        </TooltipProvider>
      </QueryClientProvider>
    </TransportProvider>,
  );
  return done;
}

test("a refusal stands at its field, and the same content is sent again as the same call", async () => {
  const calls: CreateTeamRequest[] = [];
  const done = show((request) => {
    calls.push(request);
    if (calls.length < 3) {
      throw new ConnectError("Some fields are wrong.", Code.InvalidArgument, undefined, [
        { desc: BadRequestSchema, value: { fieldViolations: [{ field: "team_id", description: "It is taken." }] } },
      ]);
    }
    return { name: `teams/${request.teamId}` };
  });
  const send = () => fireEvent.click(screen.getByRole("button", { name: "Create team" }));
  send();
  await screen.findByText("It is taken.");
  send();
  await waitFor(() => expect(calls).toHaveLength(2));
  expect(calls[1]?.requestId).toBe(calls[0]?.requestId);
  await screen.findByText("It is taken.");
  fireEvent.change(screen.getByLabelText("Id"), { target: { value: "cart" } });
  send();
  await waitFor(() => expect(done).toEqual(["teams/cart"]));
  expect(calls[2]?.requestId).not.toBe(calls[0]?.requestId);
});

test("a look is a dry run of its own, and changes nothing", async () => {
  const calls: CreateTeamRequest[] = [];
  const done = show((request) => {
    calls.push(request);
    return { name: "", effects: { changes: [] } };
  });
  fireEvent.click(screen.getByRole("button", { name: "Show what it changes" }));
  await screen.findByText("Nothing would change.");
  expect(calls.map(({ validateOnly }) => validateOnly)).toEqual([true]);
  // What is typed now was not looked at.
  fireEvent.change(screen.getByLabelText("Id"), { target: { value: "cart" } });
  expect(screen.queryByText("Nothing would change.")).toBeNull();
  expect(done).toEqual([]);
});
