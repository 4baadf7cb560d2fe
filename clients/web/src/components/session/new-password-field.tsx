import { Check, Circle, CircleHelp, Eye, EyeOff } from "lucide-react";
import { useId, useState } from "react";
import { cn } from "~/lib/cn";
import { MIN_SCORE, type Person, passwordRules, type Rule, type Strength, strengthWord } from "~/lib/password";
import { usePasswordStrength } from "~/lib/use-password-strength";
import { IconButton } from "~/ui/button";
import { Field, Input } from "~/ui/field";

export interface NewPasswordFieldProps {
  value: string;
  onChange: (password: string) => void;
  /** What the server said of it. */
  errors?: readonly string[];
  /** Whose it will be, as far as that is known here. */
  person?: Person | undefined;
  /** True where the organization asks for character classes. */
  classes?: boolean | undefined;
  label?: string;
}

/** A password that somebody chooses: every rule at once, how hard it is to guess, and a look at what was typed. */
export function NewPasswordField({
  value,
  onChange,
  errors = [],
  person = {},
  classes = false,
  label = "New password",
}: NewPasswordFieldProps) {
  const [isShown, setIsShown] = useState(false);
  const rulesId = useId();
  const strength = usePasswordStrength(value, person);
  const rules = passwordRules(value, person, classes, strength);
  return (
    <div className="flex flex-col gap-2">
      <Field label={label} required errors={errors}>
        {(control) => (
          <div className="relative">
            <Input
              {...control}
              aria-describedby={[control["aria-describedby"], rulesId].filter(Boolean).join(" ")}
              type={isShown ? "text" : "password"}
              autoComplete="new-password"
              autoCapitalize="none"
              spellCheck={false}
              className="pr-9"
              value={value}
              onChange={(event) => onChange(event.target.value)}
            />
            <IconButton
              label={isShown ? "Hide the password" : "Show the password"}
              aria-pressed={isShown}
              className="absolute top-0.5 right-0.5"
              onClick={() => setIsShown(!isShown)}
            >
              {isShown ? <EyeOff /> : <Eye />}
            </IconButton>
          </div>
        )}
      </Field>
      <Meter strength={strength} />
      <ul id={rulesId} aria-label="What the password needs" className="flex flex-col gap-1 text-sm">
        {rules.map((rule) => (
          <RuleItem key={rule.text} rule={rule} />
        ))}
      </ul>
    </div>
  );
}

function RuleItem({ rule: { text, met } }: { rule: Rule }) {
  const Icon = met ? Check : met === false ? Circle : CircleHelp;
  return (
    <li className={cn("flex items-start gap-1.5", met ? "text-succeeded" : "text-muted")}>
      <Icon aria-hidden className="mt-0.5 size-3.5 shrink-0" />
      <span className="min-w-0">
        {text}
        <span className="sr-only">{met ? " (met)" : met === false ? " (not met yet)" : " (not known yet)"}</span>
      </span>
    </li>
  );
}

const SEGMENTS = [1, 2, 3, 4];

/** Four bars and a word. The place is kept while nothing is typed, so that nothing jumps. */
function Meter({ strength }: { strength: Strength | undefined }) {
  const score = strength?.score ?? 0;
  const isEnough = score >= MIN_SCORE;
  return (
    <div className="flex items-center gap-2">
      <span aria-hidden className="grid flex-1 grid-cols-4 gap-1">
        {SEGMENTS.map((segment) => (
          <span
            key={segment}
            className={cn(
              "h-1 rounded-sm",
              !strength || segment > Math.max(score, 1) ? "bg-active" : isEnough ? "bg-succeeded" : "bg-waiting",
            )}
          />
        ))}
      </span>
      <output className="min-w-32 text-right text-muted text-sm" aria-label="Strength">
        {strength ? strengthWord(score) : ""}
      </output>
    </div>
  );
}
