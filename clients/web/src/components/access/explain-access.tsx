// Why somebody may or may not do something: asked by a decision that was taken, or by a question.

import { useQuery } from "@connectrpc/connect-query";
import { lazy, Suspense, useEffect, useState } from "react";
import { Section } from "~/components/page";
import { QueryView, type QueryViewProps } from "~/components/query-view";
import {
  AccessService,
  type AccessStep,
  AccessStepKind,
  type ExplainAccessResponse,
} from "~/gen/flagstone/v1/access_service_pb";
import { fieldErrors } from "~/lib/field-errors";
import { principalName } from "~/lib/filter";
import { idOf } from "~/lib/names";
import { Button } from "~/ui/button";
import { Field, Input } from "~/ui/field";
import { Explanation } from "./explanation";
import { ObjectField, PermissionField, PrincipalField } from "./question-fields";
import { useChecks } from "./use-checks";

// Of use only to whoever may give what is missing.
const CreateBinding = lazy(() =>
  import("~/components/role-binding/create-binding").then((module) => ({ default: module.CreateBinding })),
);

/** A question about access, as texts of the address. */
export interface AskedAccess {
  principal?: string | undefined;
  permission?: string | undefined;
  object?: string | undefined;
}

export interface ExplainQuestionProps {
  asked: AskedAccess;
  onAsk: (asked: AskedAccess) => void;
}

/** May this principal do this to that? */
export function ExplainQuestion({ asked, onAsk }: ExplainQuestionProps) {
  const [principal, setPrincipal] = useState(asked.principal ?? "");
  const [permission, setPermission] = useState(asked.permission ?? "");
  const [object, setObject] = useState(asked.object ?? "");
  // A link may ask another question while the page is open.
  useEffect(() => {
    setPrincipal(asked.principal ?? "");
    setPermission(asked.permission ?? "");
    setObject(asked.object ?? "");
  }, [asked.principal, asked.permission, asked.object]);
  const query = useQuery(
    AccessService.method.explainAccess,
    {
      about: {
        case: "question",
        value: {
          principal: asked.principal ? principalName(asked.principal) : "",
          permission: asked.permission ?? "",
          object: asked.object ?? "",
        },
      },
    },
    { enabled: Boolean(asked.permission), staleTime: 0 },
  );
  const errors = fieldErrors(query.error);
  return (
    <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,360px)_minmax(0,1fr)]">
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          const next = { principal: principal.trim(), permission: permission.trim(), object: object.trim() };
          if (!next.permission) return;
          // The same question again is asked anew: rights may have changed.
          if (isSame(next, asked)) void query.refetch();
          else onAsk(next);
        }}
      >
        <PrincipalField value={principal} onChange={setPrincipal} errors={errors.of("principal")} />
        <PermissionField value={permission} onChange={setPermission} errors={errors.of("permission")} />
        <ObjectField value={object} onChange={setObject} errors={errors.of("object")} />
        <div>
          <Button
            type="submit"
            variant="primary"
            reason={!permission.trim() && "Name a permission."}
            busy={query.isFetching && "Looking"}
          >
            Explain access
          </Button>
        </div>
      </form>
      {asked.permission ? (
        <Answer query={query} />
      ) : (
        <p className="text-muted">
          Name a permission, and on what: the answer says whether it is allowed, by which role binding, and what would
          change it.
        </p>
      )}
    </div>
  );
}

/** Two questions that the server answers alike. */
function isSame(one: AskedAccess, other: AskedAccess): boolean {
  return (["principal", "permission", "object"] as const).every((key) => (one[key] ?? "") === (other[key] ?? ""));
}

export interface ExplainDecisionProps {
  decision: string | undefined;
  onAsk: (decision: string) => void;
}

/** Why was this denied? By the id that the refusal showed. */
export function ExplainDecision({ decision, onAsk }: ExplainDecisionProps) {
  const [text, setText] = useState(decision ?? "");
  useEffect(() => setText(decision ?? ""), [decision]);
  const query = useQuery(
    AccessService.method.explainAccess,
    { about: { case: "decision", value: decision ?? "" } },
    { enabled: Boolean(decision), staleTime: 0 },
  );
  return (
    <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,360px)_minmax(0,1fr)]">
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          const next = idOf(text.trim());
          if (!next) return;
          if (next === decision) void query.refetch();
          else onAsk(next);
        }}
      >
        <Field
          label="Decision id"
          help="A refusal shows it, and it is the id of the denial in the audit."
          required
          errors={fieldErrors(query.error).of("decision")}
        >
          {(control) => (
            <Input
              {...control}
              className="font-mono text-sm"
              autoCapitalize="none"
              autoComplete="off"
              spellCheck={false}
              maxLength={100}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
        <div>
          <Button
            type="submit"
            variant="primary"
            reason={!text.trim() && "Fill in the decision id."}
            busy={query.isFetching && "Looking"}
          >
            Explain decision
          </Button>
        </div>
      </form>
      {decision ? (
        <Answer query={query} />
      ) : (
        <p className="text-muted">
          Whoever was refused something has its decision id. It is explained with the rights of now, and it says whether
          they changed since.
        </p>
      )}
    </div>
  );
}

/** An explanation, with the form that gives what is missing. */
function Answer({ query }: { query: QueryViewProps<ExplainAccessResponse>["query"] }) {
  return (
    <Section title="Answer">
      <QueryView query={query} title="The reason could not be read">
        {(explanation) => (
          <Explanation
            explanation={explanation}
            stepAction={(step, { principal }) =>
              step.kind === AccessStepKind.BIND_ROLE && (
                <GiveRole step={step} principal={principal} onDone={() => void query.refetch()} />
              )
            }
          />
        )}
      </QueryView>
    </Section>
  );
}

const CREATE = "platform:role_bindings:create";

/** Opens the form that gives the role of a step. */
function GiveRole({
  step: { role, scope },
  principal,
  onDone,
}: {
  step: AccessStep;
  principal: string;
  onDone: () => void;
}) {
  const [isGiving, setIsGiving] = useState(false);
  const reason = useChecks([{ permission: CREATE, object: "" }]).reason(CREATE, "");
  return (
    <div>
      <Button size="sm" reason={reason} onClick={() => setIsGiving(true)}>
        Give {idOf(principal)} the role {idOf(role)}
      </Button>
      {isGiving && (
        <Suspense>
          <CreateBinding
            subject={principal}
            role={role}
            scope={scope}
            onClose={() => {
              setIsGiving(false);
              onDone();
            }}
          />
        </Suspense>
      )}
    </div>
  );
}
