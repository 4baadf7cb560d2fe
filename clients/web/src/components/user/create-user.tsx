import { timestampMs } from "@bufbuild/protobuf/wkt";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { MutationDialog } from "~/components/mutation-dialog";
import { SecretOnce } from "~/components/secret-once";
import { NewPasswordField } from "~/components/session/new-password-field";
import { type CreateUserResponse, UserService } from "~/gen/flagstone/v1/user_service_pb";
import { exactTime } from "~/lib/format";
import { routeOf } from "~/lib/names";
import { Button } from "~/ui/button";
import { Dialog } from "~/ui/dialog";
import { Field, Select } from "~/ui/field";
import { DetailsFields, trimmed } from "./details-fields";

/** Makes an account: its person chooses the password by a link, or gets a first one. */
export function CreateUser({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const [details, setDetails] = useState({ email: "", fullName: "" });
  const [way, setWay] = useState<"link" | "password">("link");
  const [password, setPassword] = useState("");
  const [made, setMade] = useState<CreateUserResponse>();
  const open = (name: string) => {
    onClose();
    const place = routeOf(name);
    if (place) void navigate(place);
  };
  const name = made?.user?.name ?? "";
  const content = trimmed(details);
  if (made?.link) {
    return (
      <LinkDialog
        title="The account is made"
        label="link"
        link={made.link}
        note={`Hand it over: with it the person chooses a password. It is shown this once, works once${
          made.linkExpireTime ? `, until ${exactTime(timestampMs(made.linkExpireTime))}` : ""
        }. The account has no role yet.`}
        done="I have copied the link"
        onDone={() => open(name)}
      />
    );
  }
  return (
    <MutationDialog
      title="Create a user"
      description="The account has no role at first: give it one on its page, or make an invitation with a role instead."
      action="Create user"
      busy="Creating the user"
      failure="The user was not created"
      method={UserService.method.createUser}
      call={(ids) => ({
        user: content,
        password: way === "password" ? password : "",
        ...ids,
      })}
      reason={
        !content.email || !content.fullName
          ? "Fill in a name and an address."
          : way === "password" && !password && "Fill in a password."
      }
      refreshes={["user"]}
      onDone={(answer) => (answer.link ? setMade(answer) : open(answer.user?.name ?? ""))}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <DetailsFields details={details} onChange={setDetails} errorsOf={errorsOf} />
          <Field label="Password" errors={way === "link" ? errorsOf("password") : []}>
            {(control) => (
              <Select
                {...control}
                value={way}
                onChange={(event) => setWay(event.target.value === "password" ? "password" : "link")}
              >
                <option value="link">The person chooses it by a link</option>
                <option value="password">Set a first one, to be changed at the first login</option>
              </Select>
            )}
          </Field>
          {way === "password" && (
            <NewPasswordField
              label="First password"
              value={password}
              onChange={setPassword}
              errors={errorsOf("password")}
              person={{ email: content.email }}
            />
          )}
        </>
      )}
    </MutationDialog>
  );
}

export interface LinkDialogProps {
  title: string;
  label: string;
  link: string;
  note: string;
  done: string;
  onDone: () => void;
}

/** A link that the server tells only now. It cannot be closed by a slip. */
export function LinkDialog({ title, label, link, note, done, onDone }: LinkDialogProps) {
  return (
    <Dialog
      open
      dismissible={false}
      onOpenChange={() => undefined}
      title={title}
      footer={
        <Button variant="primary" onClick={onDone}>
          {done}
        </Button>
      }
    >
      <SecretOnce label={label} value={link} note={note} />
    </Dialog>
  );
}
