import { Code } from "@connectrpc/connect";
import { useMutation, useQuery } from "@connectrpc/connect-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useState } from "react";
import { problemOf } from "~/api/errors";
import { ErrorNotice } from "~/components/error-notice";
import { Notice } from "~/components/notice";
import { Facts, Page } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { AuthService, type DeviceLogin } from "~/gen/flagstone/v1/auth_service_pb";
import { deviceWords } from "~/lib/device-words";
import { useMe } from "~/lib/me";
import { useRequestId } from "~/lib/use-request-id";
import { isWholeCode, userCodeOf } from "~/lib/user-code";
import { Button, buttonClass } from "~/ui/button";
import { Field, Input } from "~/ui/field";

export const Route = createFileRoute("/_app/auth/device")({
  validateSearch: (search): { code?: string } => {
    // RFC 8628 calls it `user_code`.
    const code = search.code ?? search.user_code;
    return typeof code === "string" && code ? { code: userCodeOf(code) } : {};
  },
  component: ConfirmDevice,
});

/** Lets a terminal in that asked for it with a code (R017). */
function ConfirmDevice() {
  const { code = "" } = Route.useSearch();
  return (
    <Page title="Let a device in" lead="A terminal on which you run flagstone login shows a code. Here you confirm it.">
      <div className="flex max-w-[560px] flex-col gap-6">
        {isWholeCode(code) ? <Decision key={code} code={code} /> : <CodeForm initial={code} />}
      </div>
    </Page>
  );
}

function CodeForm({ initial }: { initial: string }) {
  const [code, setCode] = useState(initial);
  const navigate = Route.useNavigate();
  const isWhole = isWholeCode(code);
  return (
    <form
      className="flex max-w-80 flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (isWhole) void navigate({ search: { code } });
      }}
    >
      <Field label="Code" help="Eight letters, as the terminal shows them.">
        {(control) => (
          <Input
            {...control}
            autoComplete="one-time-code"
            autoCapitalize="characters"
            spellCheck={false}
            placeholder="BCDF-GHJK"
            className="font-mono text-lg tracking-widest"
            value={code}
            onChange={(event) => setCode(userCodeOf(event.target.value))}
          />
        )}
      </Field>
      <div>
        <Button type="submit" variant="primary" reason={!isWhole && "Type all eight letters."}>
          Look at the device
        </Button>
      </div>
    </form>
  );
}

function Decision({ code }: { code: string }) {
  const query = useQuery(AuthService.method.getDeviceLogin, { userCode: code }, { retry: false, staleTime: 0 });
  const decide = useMutation(AuthService.method.confirmDeviceLogin);
  if (decide.data) return <Decided wasRefused={decide.variables?.refuse ?? false} />;
  if (query.error && problemOf(query.error).code === Code.NotFound) {
    return (
      <>
        <Notice kind="failure" title="Nothing waits for this code">
          It was mistyped, decided on already, or is older than ten minutes. Run the login again on the device, and type
          the code that it shows then.
        </Notice>
        <div>
          <Link to="/auth/device" className={buttonClass()}>
            Type another code
          </Link>
        </div>
      </>
    );
  }
  return (
    <QueryView query={query} title="The device could not be looked up" lines={4}>
      {(login) => (
        <Question
          login={login}
          busy={decide.isPending ? (decide.variables?.refuse ? "refuse" : "confirm") : undefined}
          error={decide.error}
          decide={(refuse, requestId) => decide.mutate({ userCode: code, refuse, requestId })}
        />
      )}
    </QueryView>
  );
}

interface QuestionProps {
  login: DeviceLogin;
  busy: "confirm" | "refuse" | undefined;
  error: unknown;
  decide: (refuse: boolean, requestId: string) => void;
}

function Question({ login: { userCode, device, ip, createTime, expireTime }, busy, error, decide }: QuestionProps) {
  const me = useMe();
  const confirmId = useRequestId(["confirm", userCode]);
  const refuseId = useRequestId(["refuse", userCode]);
  return (
    <>
      {error != null && <ErrorNotice error={error} title="Nothing was decided" />}
      <p className="font-mono text-xl tracking-widest">
        <span className="sr-only">Code </span>
        {userCode}
      </p>
      <Facts
        facts={[
          [
            "Device",
            <span key="device" dir="auto" title={device} className="break-words">
              {deviceWords(device)} <span className="text-muted">(says the device)</span>
            </span>,
          ],
          ["Address", <code key="ip">{ip}</code>],
          ["Asked", <RelativeTime key="asked" time={createTime} />],
          ["Ends", <RelativeTime key="ends" time={expireTime} />],
          me && ["Comes in as", me.fullName ? `${me.fullName} (${me.username})` : me.username],
        ]}
      />
      <Notice title="Only if you asked for it yourself">
        Whoever has the device can do what you can do. Where somebody sent you this code or link, refuse it.
      </Notice>
      <div className="flex flex-wrap gap-2">
        <Button
          variant="primary"
          busy={busy === "confirm" && "Letting it in"}
          reason={busy === "refuse" && "It is being refused."}
          onClick={() => decide(false, confirmId.id)}
        >
          Let this device in
        </Button>
        <Button
          busy={busy === "refuse" && "Refusing it"}
          reason={busy === "confirm" && "It is being let in."}
          onClick={() => decide(true, refuseId.id)}
        >
          Refuse it
        </Button>
      </div>
    </>
  );
}

function Decided({ wasRefused }: { wasRefused: boolean }) {
  return (
    <>
      {wasRefused ? (
        <Notice title="The device was refused">It has no access. Its login has ended.</Notice>
      ) : (
        <Notice kind="success" title="The device is let in">
          Go on in your terminal. You find the session in your profile, where you can end it.
        </Notice>
      )}
      <div>
        <Link to="/profile" search={{ tab: "sessions" }} className={buttonClass()}>
          Look at your sessions
        </Link>
      </div>
    </>
  );
}
