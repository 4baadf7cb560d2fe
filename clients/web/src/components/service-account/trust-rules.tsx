// Whose CI jobs may act as a service account: the rules, and the form that changes them.

import { Plus, Trash2 } from "lucide-react";
import { useId, useState } from "react";
import { EmptyState } from "~/components/empty-state";
import { MutationDialog } from "~/components/mutation-dialog";
import { Section } from "~/components/page";
import { type ServiceAccount, ServiceAccountService } from "~/gen/flagstone/v1/service_account_service_pb";
import {
  draftsOf,
  ISSUERS,
  MAX_CONDITIONS,
  MAX_RULES,
  newCondition,
  newRule,
  PROJECT_CLAIMS,
  type RuleDraft,
  rulesOf,
  ruleWords,
} from "~/lib/trust-rules";
import { Button, IconButton } from "~/ui/button";
import { Field, Input } from "~/ui/field";
import { Menu, MenuItem } from "~/ui/menu";
import { Words } from "~/ui/words";

export function TrustRules({ account, reason }: { account: ServiceAccount; reason: string | undefined }) {
  const [isEditing, setIsEditing] = useState(false);
  const rules = account.ciTrustRules;
  const edit = (
    <Button size="sm" reason={reason} onClick={() => setIsEditing(true)}>
      {rules.length === 0 ? "Add trust rule" : "Change trust rules"}
    </Button>
  );
  return (
    <Section title="Trust rules" actions={rules.length > 0 && edit}>
      {rules.length === 0 ? (
        <EmptyState action={edit}>
          No CI job may act as this account yet. A rule says which provider’s tokens are trusted, and for which project.
        </EmptyState>
      ) : (
        <>
          <p className="text-muted">A CI job gets a short token of this account where one of these holds.</p>
          <ul aria-label="Trust rules" className="border-line border-t">
            {rules.map((rule) => (
              <li key={ruleWords(rule)} className="break-words border-line border-b py-2" dir="auto">
                <Words text={ruleWords(rule)} />
              </li>
            ))}
          </ul>
        </>
      )}
      {isEditing && <EditRules account={account} onClose={() => setIsEditing(false)} />}
    </Section>
  );
}

function EditRules({
  account: { name, etag, ciTrustRules },
  onClose,
}: {
  account: ServiceAccount;
  onClose: () => void;
}) {
  const [rules, setRules] = useState(() => draftsOf(ciTrustRules));
  const change = (next: RuleDraft) => setRules(rules.map((rule) => (rule.id === next.id ? next : rule)));
  return (
    <MutationDialog
      width="lg"
      title="Change the trust rules"
      description="Whoever changes them decides who may act as the account: that needs every permission that the account holds."
      action="Save trust rules"
      busy="Saving"
      failure="The trust rules were not changed"
      method={ServiceAccountService.method.updateServiceAccount}
      call={(ids) => ({
        serviceAccount: { name, etag, ciTrustRules: rulesOf(rules) },
        updateMask: { paths: ["ci_trust_rules"] },
        ...ids,
      })}
      refreshes={["service_account"]}
      onDone={onClose}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          {rules.length === 0 && <p className="text-muted">No rule: no CI job may act as this account.</p>}
          {rules.map((rule, index) => (
            <Rule
              key={rule.id}
              rule={rule}
              number={index + 1}
              errorsOf={(field) => errorsOf(`ci_trust_rules[${index}]${field}`)}
              onChange={change}
              onRemove={() => setRules(rules.filter(({ id }) => id !== rule.id))}
            />
          ))}
          {errorsOf("ci_trust_rules").map((message) => (
            <p key={message} className="text-failed text-sm">
              {message}
            </p>
          ))}
          <div>
            <Menu
              align="start"
              trigger={
                <Button
                  size="sm"
                  icon={<Plus aria-hidden className="size-4" />}
                  reason={rules.length >= MAX_RULES && `There are at most ${MAX_RULES} rules.`}
                >
                  Add rule
                </Button>
              }
            >
              {ISSUERS.map(({ label, issuer, claim }) => (
                <MenuItem key={label} onSelect={() => setRules([...rules, newRule(issuer, claim)])}>
                  {label}
                </MenuItem>
              ))}
            </Menu>
          </div>
        </>
      )}
    </MutationDialog>
  );
}

interface RuleProps {
  rule: RuleDraft;
  number: number;
  errorsOf: (field: string) => string[];
  onChange: (rule: RuleDraft) => void;
  onRemove: () => void;
}

function Rule({ rule, number, errorsOf, onChange, onRemove }: RuleProps) {
  const list = useId();
  const { conditions } = rule;
  const set = (id: string, patch: { claim?: string; value?: string }) =>
    onChange({ ...rule, conditions: conditions.map((one) => (one.id === id ? { ...one, ...patch } : one)) });
  return (
    <fieldset className="flex min-w-0 flex-col gap-3 rounded-md border border-line p-3">
      <legend className="px-1 font-semibold">Rule {number}</legend>
      <div className="flex items-end gap-2">
        <div className="min-w-0 flex-1">
          <Field
            label="Issuer"
            help="The address that the provider’s tokens carry as iss."
            required
            errors={errorsOf(".issuer")}
          >
            {(control) => (
              <Input
                {...control}
                type="url"
                autoComplete="off"
                maxLength={500}
                placeholder="https://token.actions.githubusercontent.com"
                value={rule.issuer}
                onChange={(event) => onChange({ ...rule, issuer: event.target.value })}
              />
            )}
          </Field>
        </div>
        <IconButton label={`Remove rule ${number}`} onClick={onRemove}>
          <Trash2 />
        </IconButton>
      </div>
      <div className="flex flex-col gap-1">
        <p className="font-medium">All of these hold</p>
        <p className="text-muted text-sm">
          One is about {PROJECT_CLAIMS.join(", ")}: no rule trusts every project of a provider. One * at the end of a
          value stands for any rest.
        </p>
        {errorsOf("")
          .concat(errorsOf(".conditions"))
          .map((message) => (
            <p key={message} className="text-failed text-sm">
              {message}
            </p>
          ))}
      </div>
      <datalist id={list}>
        {[...PROJECT_CLAIMS, "ref", "environment", "workflow"].map((claim) => (
          <option key={claim} value={claim} />
        ))}
      </datalist>
      {conditions.map((condition, index) => (
        <div key={condition.id} className="grid grid-cols-[minmax(0,2fr)_minmax(0,3fr)_auto] items-start gap-2">
          <Field
            label={<span className={index === 0 ? undefined : "sr-only"}>Claim</span>}
            errors={errorsOf(`.conditions[${index}].claim`)}
          >
            {(control) => (
              <Input
                {...control}
                list={list}
                className="font-mono text-sm"
                autoCapitalize="none"
                autoComplete="off"
                spellCheck={false}
                maxLength={100}
                value={condition.claim}
                onChange={(event) => set(condition.id, { claim: event.target.value })}
              />
            )}
          </Field>
          <Field
            label={<span className={index === 0 ? undefined : "sr-only"}>Value</span>}
            errors={errorsOf(`.conditions[${index}].value`)}
          >
            {(control) => (
              <Input
                {...control}
                className="font-mono text-sm"
                autoCapitalize="none"
                autoComplete="off"
                spellCheck={false}
                maxLength={500}
                value={condition.value}
                onChange={(event) => set(condition.id, { value: event.target.value })}
              />
            )}
          </Field>
          <span className={index === 0 ? "pt-6" : "pt-1"}>
            <IconButton
              label={`Remove condition ${index + 1} of rule ${number}`}
              onClick={() => onChange({ ...rule, conditions: conditions.filter(({ id }) => id !== condition.id) })}
            >
              <Trash2 />
            </IconButton>
          </span>
        </div>
      ))}
      <div>
        <Button
          size="sm"
          variant="ghost"
          icon={<Plus aria-hidden className="size-4" />}
          reason={conditions.length >= MAX_CONDITIONS && `There are at most ${MAX_CONDITIONS} conditions.`}
          onClick={() => onChange({ ...rule, conditions: [...conditions, newCondition()] })}
        >
          Add condition
        </Button>
      </div>
    </fieldset>
  );
}
