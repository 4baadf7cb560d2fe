import { create } from "@bufbuild/protobuf";
import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { ErrorReason, problemOf } from "~/api/errors";
import { queryClient } from "~/api/queries";
import { ErrorNotice } from "~/components/error-notice";
import { Notice } from "~/components/notice";
import { Facts, Section } from "~/components/page";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { type User, UserSchema, UserService } from "~/gen/flagstone/v1/user_service_pb";
import { idOf } from "~/lib/names";
import { useChooseTheme } from "~/lib/preferences";
import { type Theme, useTheme } from "~/lib/theme";
import { useRequestId } from "~/lib/use-request-id";
import { Button } from "~/ui/button";
import { Field, Input, Select } from "~/ui/field";

/** Who one is, what of it one can change, and where one belongs. */
export function Details({ user }: { user: User }) {
  return (
    <div className="grid gap-8 lg:grid-cols-2">
      <div className="flex max-w-[560px] flex-col gap-8">
        <Section title="Name">
          <NameForm user={user} />
        </Section>
        <Section title="Preferences">
          <Preferences />
        </Section>
      </div>
      <Section title="In the organization">
        <Facts
          facts={[
            ["Username", user.username],
            [
              "E-mail address",
              <span key="email" className="break-all">
                {user.email}
              </span>,
            ],
            ["Organization", user.organization],
            [
              "Business units",
              user.memberships.length === 0
                ? "Member of none"
                : user.memberships.map(({ businessUnit, role }) => (
                    <div key={businessUnit}>
                      {idOf(businessUnit)} <span className="text-muted">as {idOf(role)}</span>
                    </div>
                  )),
            ],
            ["Roles in the organization", <Names key="roles" names={user.organizationRoles} />],
            ["Groups", <Names key="groups" names={user.groups} />],
            ["Teams", <Names key="teams" names={user.teams} />],
            ["Since", <RelativeTime key="since" time={user.createTime} />],
          ]}
        />
        <p className="text-muted text-sm">An administrator changes address, roles, groups and teams.</p>
      </Section>
    </div>
  );
}

function Names({ names }: { names: readonly string[] }) {
  if (names.length === 0) return "None";
  return (
    <span className="flex flex-wrap gap-x-3">
      {names.map((name) => (
        <ResourceName key={name} name={name} />
      ))}
    </span>
  );
}

function NameForm({ user }: { user: User }) {
  const [typed, setTyped] = useState<string>();
  const value = typed ?? user.fullName;
  const fullName = value.trim();
  const { id, renew } = useRequestId([fullName, user.etag]);
  const update = useMutation(UserService.method.updateMe, {
    onSuccess: () => {
      renew();
      setTyped(undefined);
      void queryClient.invalidateQueries();
    },
    // Somebody else may have been faster: what is there now is shown beside.
    onError: () => void queryClient.invalidateQueries(),
  });
  const problem = update.error ? problemOf(update.error) : undefined;
  const isStale = problem?.reason === ErrorReason.ETAG_MISMATCH;
  const save = () =>
    update.mutate({
      user: create(UserSchema, { fullName, etag: user.etag }),
      updateMask: { paths: ["full_name"] },
      requestId: id,
    });
  const errors = (problem?.fields ?? []).filter(({ field }) => field.endsWith("full_name"));
  return (
    <form
      className="flex flex-col gap-3"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!update.isPending && fullName !== user.fullName) save();
      }}
    >
      {update.isSuccess && typed === undefined && <Notice kind="success">The name was changed.</Notice>}
      {problem && !isStale && errors.length === 0 && (
        <ErrorNotice error={update.error} title="The name was not changed" />
      )}
      {isStale && (
        <Notice kind="failure" title="Your profile was changed meanwhile">
          {user.fullName === fullName ? (
            "The name is what you typed."
          ) : (
            <>
              The name is <bdi>{user.fullName || "empty"}</bdi> now. Press the button again to change it all the same.
            </>
          )}
        </Notice>
      )}
      <Field label="Full name" errors={errors.map(({ message }) => message)}>
        {(control) => (
          <Input
            {...control}
            autoComplete="name"
            dir="auto"
            maxLength={255}
            value={value}
            onChange={(event) => {
              setTyped(event.target.value);
              if (update.isSuccess || update.isError) update.reset();
            }}
          />
        )}
      </Field>
      <div>
        <Button
          type="submit"
          busy={update.isPending && "Changing the name"}
          reason={fullName === user.fullName && "Nothing is changed."}
        >
          Change name
        </Button>
      </div>
    </form>
  );
}

function Preferences() {
  const theme = useTheme();
  const { choose, error } = useChooseTheme();
  return (
    <div className="flex max-w-60 flex-col gap-3">
      {error != null && <ErrorNotice error={error} title="Your other devices were not told" />}
      <Field label="Theme" help="Holds on all your devices.">
        {(control) => (
          <Select {...control} value={theme} onChange={(event) => choose(event.target.value as Theme)}>
            <option value="system">As the system</option>
            <option value="light">Light</option>
            <option value="dark">Dark</option>
          </Select>
        )}
      </Field>
    </div>
  );
}
