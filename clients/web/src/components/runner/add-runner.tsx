import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { useState } from "react";
import { MutationDialog } from "~/components/mutation-dialog";
import { SecretOnce } from "~/components/secret-once";
import { type CreateRunnerTokenResponse, RunnerService } from "~/gen/flagstone/v1/runner_service_pb";
import { readLabels } from "~/lib/runner-labels";
import { Button } from "~/ui/button";
import { Dialog } from "~/ui/dialog";
import { Checkbox, Field, Input, Select } from "~/ui/field";

const MINUTE = 60_000;
const LIVES = [
  { minutes: 15, label: "15 minutes" },
  { minutes: 60, label: "1 hour" },
  { minutes: 24 * 60, label: "1 day" },
  { minutes: 7 * 24 * 60, label: "7 days" },
];

/** Makes a token, and shows this once the one command that starts a runner with it. */
export function AddRunner({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const [minutes, setMinutes] = useState(60);
  const [needsAdoption, setNeedsAdoption] = useState(false);
  const [made, setMade] = useState<CreateRunnerTokenResponse>();
  const labels = readLabels(typed);
  if (made) {
    return (
      <Dialog
        open
        // A click beside it must not lose the secret.
        dismissible={false}
        onOpenChange={() => undefined}
        width="lg"
        title="Start the runner"
        description="Run this on its machine, where the program flagstone-server and Terraform are installed. It dials out and needs no way in."
        footer={
          <Button variant="primary" onClick={onClose}>
            I have copied the command
          </Button>
        }
      >
        <SecretOnce
          label="command"
          value={made.command}
          note="It is shown this once, and lets one runner in. The runner gets a credential of its own and appears in the list."
        />
      </Dialog>
    );
  }
  return (
    <MutationDialog
      title="Add a runner"
      description="Makes a token that lets one runner in, once."
      action="Make token"
      busy="Making it"
      failure="The token was not made"
      method={RunnerService.method.createRunnerToken}
      call={(ids) => ({
        labels: labels.labels,
        needsAdoption,
        lifetime: durationFromMs(minutes * MINUTE),
        ...ids,
      })}
      reason={labels.problem}
      refreshes={["runner"]}
      onDone={setMade}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <Field
            label="Labels"
            help="Such as tier=production, zone=a. The runner has these and no others; a template may ask for some."
            errors={[...errorsOf("labels"), ...(labels.problem ? [labels.problem] : [])]}
          >
            {(control) => (
              <Input
                {...control}
                autoComplete="off"
                autoCapitalize="off"
                spellCheck={false}
                className="font-mono"
                value={typed}
                onChange={(event) => setTyped(event.target.value)}
              />
            )}
          </Field>
          <Field label="The token works for" errors={errorsOf("lifetime")}>
            {(control) => (
              <Select {...control} value={minutes} onChange={(event) => setMinutes(Number(event.target.value))}>
                {LIVES.map((life) => (
                  <option key={life.minutes} value={life.minutes}>
                    {life.label}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Checkbox
            label="Give it no jobs until I adopt it here"
            checked={needsAdoption}
            onChange={(event) => setNeedsAdoption(event.target.checked)}
          />
        </>
      )}
    </MutationDialog>
  );
}
