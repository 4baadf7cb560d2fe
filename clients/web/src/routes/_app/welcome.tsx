import { useMutation, useQuery } from "@connectrpc/connect-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { CircleCheck, CircleDashed, CircleSlash } from "lucide-react";
import { queryClient } from "~/api/queries";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { ErrorNotice } from "~/components/error-notice";
import { Notice } from "~/components/notice";
import { DeploymentStep } from "~/components/onboarding/deployment-step";
import { InvitationStep } from "~/components/onboarding/invitation-step";
import { OrganizationStep } from "~/components/onboarding/organization-step";
import { RunnerStep } from "~/components/onboarding/runner-step";
import type { StepProps } from "~/components/onboarding/steps";
import { UnitStep } from "~/components/onboarding/unit-step";
import { Page } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { type Onboarding, OnboardingStepState, OrganizationService } from "~/gen/flagstone/v1/organization_service_pb";
import { cn } from "~/lib/cn";
import { isOpen, type Step, shownStep, stepsOf } from "~/lib/onboarding";
import { Button, buttonClass } from "~/ui/button";

export const Route = createFileRoute("/_app/welcome")({
  validateSearch: (search): { step?: string } => (typeof search.step === "string" ? { step: search.step } : {}),
  component: Welcome,
});

const MANAGE = "platform:organizations:manage_settings";

/** While the page is open, what is done elsewhere shows here: a runner that comes, a deployment that is made. */
const ASK_AGAIN = 10_000;

/** Leads a new organization to its first deployment (R038). What is done is what is there: it can be left at any time. */
function Welcome() {
  const query = useQuery(
    OrganizationService.method.getOnboarding,
    {},
    { refetchInterval: ({ state }) => (state.data?.complete ? false : ASK_AGAIN) },
  );
  return (
    <Page title="Set up Flagstone" lead="Do it in any order, leave at any time, come back: what is done stays done.">
      <QueryView query={query} title="The steps could not be read">
        {(onboarding) => (
          <Steps onboarding={onboarding} onLook={() => void query.refetch()} isLooking={query.isFetching} />
        )}
      </QueryView>
    </Page>
  );
}

interface StepsProps {
  onboarding: Onboarding;
  onLook: () => void;
  isLooking: boolean;
}

function Steps({ onboarding, onLook, isLooking }: StepsProps) {
  const { step: asked } = Route.useSearch();
  const navigate = Route.useNavigate();
  const reason = useChecks([{ permission: MANAGE, object: "" }]).reason(MANAGE, "");
  const complete = useMutation(OrganizationService.method.completeOnboardingStep, {
    onSuccess: () => void queryClient.invalidateQueries(),
  });
  const steps = stepsOf(onboarding.steps);
  const shown = shownStep(steps, asked);
  const next = shown && steps.slice(steps.indexOf(shown) + 1).find(isOpen);
  if (!shown) return null;
  const mark = (skip: boolean) =>
    complete.mutate(
      { step: shown.kind, skip, requestId: crypto.randomUUID() },
      { onSuccess: () => void navigate({ search: next ? { step: next.id } : {} }) },
    );
  return (
    <>
      {onboarding.complete && (
        <Notice kind="success" title="Everything is set up">
          <Link to="/" className="text-accent-strong hover:underline">
            Go to the start page
          </Link>
        </Notice>
      )}
      <div className="grid gap-6 md:grid-cols-[260px_minmax(0,1fr)]">
        <nav aria-label="Steps">
          <ol className="flex flex-col gap-0.5">
            {steps.map((step) => (
              <li key={step.id}>
                <StepLink step={step} isShown={step === shown} />
              </li>
            ))}
          </ol>
        </nav>
        <section aria-labelledby="step-title" className="flex max-w-[720px] min-w-0 flex-col gap-4">
          <div>
            <h2 id="step-title" className="font-semibold text-lg">
              {shown.title}
            </h2>
            <p className="text-muted">{shown.lead}</p>
          </div>
          {complete.error != null && <ErrorNotice error={complete.error} title="The step was not marked" />}
          <StepBody
            step={shown}
            isDone={shown.state === OnboardingStepState.DONE}
            onConfirm={() => mark(false)}
            confirming={complete.isPending && !complete.variables?.skip}
            reason={reason}
            onLook={onLook}
            isLooking={isLooking}
          />
          <div className="flex flex-wrap items-center gap-2 border-line border-t pt-4">
            {next && (
              <Link
                to="/welcome"
                search={{ step: next.id }}
                className={buttonClass(isOpen(shown) ? "ghost" : "primary")}
              >
                Go on to: {next.title.toLowerCase()}
              </Link>
            )}
            {isOpen(shown) && (
              <Button
                variant="ghost"
                reason={reason}
                busy={complete.isPending && complete.variables?.skip && "Skipping it"}
                onClick={() => mark(true)}
              >
                Skip this step
              </Button>
            )}
            {reason && <WhyNot permission={MANAGE} object="" />}
          </div>
        </section>
      </div>
    </>
  );
}

function StepBody({ step, ...props }: StepProps & { step: Step }) {
  switch (step.id) {
    case "organization":
      return <OrganizationStep {...props} />;
    case "business-unit":
      return <UnitStep />;
    case "invitations":
      return <InvitationStep />;
    case "runner":
      return <RunnerStep {...props} />;
    case "deployment":
      return <DeploymentStep />;
  }
}

const LOOKS = {
  [OnboardingStepState.UNSPECIFIED]: [CircleDashed, "text-muted", "open"],
  [OnboardingStepState.OPEN]: [CircleDashed, "text-waiting", "open"],
  [OnboardingStepState.DONE]: [CircleCheck, "text-succeeded", "done"],
  [OnboardingStepState.SKIPPED]: [CircleSlash, "text-muted", "skipped"],
} as const;

function StepLink({ step, isShown }: { step: Step; isShown: boolean }) {
  const [Icon, color, word] = LOOKS[step.state] ?? LOOKS[OnboardingStepState.UNSPECIFIED];
  return (
    <Link
      to="/welcome"
      search={{ step: step.id }}
      aria-current={isShown ? "step" : undefined}
      className={cn("flex h-9 items-center gap-2 rounded-md px-2 hover:bg-hover", isShown && "bg-active font-semibold")}
    >
      <Icon aria-hidden className={cn("size-4 shrink-0", color)} />
      <span className="min-w-0 flex-1 truncate">{step.title}</span>
      <span className="font-normal text-muted text-sm">{word}</span>
    </Link>
  );
}
