// The first run of an organization: its steps in words, and which of them comes next (R382).

import {
  type OnboardingStep,
  OnboardingStepKind,
  OnboardingStepState,
} from "~/gen/flagstone/v1/organization_service_pb";

/** A step as it stands in the address. */
export type StepId = "organization" | "business-unit" | "invitations" | "runner" | "deployment";

interface StepWords {
  id: StepId;
  title: string;
  /** What it is for, in one sentence. */
  lead: string;
}

const WORDS: Partial<Record<OnboardingStepKind, StepWords>> = {
  [OnboardingStepKind.ORGANIZATION]: {
    id: "organization",
    title: "Name the organization",
    lead: "What people see in invitations and at the login.",
  },
  [OnboardingStepKind.BUSINESS_UNIT]: {
    id: "business-unit",
    title: "Make a business unit",
    lead: "A division with its own members and environments. Whatever is ordered belongs to one.",
  },
  [OnboardingStepKind.INVITATIONS]: {
    id: "invitations",
    title: "Invite people",
    lead: "Everybody gets a link that works once, for seven days. You hand it over; nothing is mailed.",
  },
  [OnboardingStepKind.RUNNER]: {
    id: "runner",
    title: "Have a runner",
    lead: "It carries out what is ordered. The server brings one of its own.",
  },
  [OnboardingStepKind.DEPLOYMENT]: {
    id: "deployment",
    title: "Order something",
    lead: "Choose a template, look at its plan, and see it made.",
  },
};

/** A step with its words; steps of a newer server are left out. */
export interface Step extends StepWords {
  kind: OnboardingStepKind;
  state: OnboardingStepState;
}

export function stepsOf(steps: readonly OnboardingStep[]): Step[] {
  return steps.flatMap(({ kind, state }) => {
    const words = WORDS[kind];
    return words ? [{ ...words, kind, state }] : [];
  });
}

/** The step that is shown: the one that is asked for, or the first that nobody has done or skipped. */
export function shownStep(steps: readonly Step[], asked: string | undefined): Step | undefined {
  return steps.find(({ id }) => id === asked) ?? steps.find(isOpen) ?? steps[0];
}

export function isOpen({ state }: { state: OnboardingStepState }): boolean {
  return state === OnboardingStepState.OPEN;
}

/** An id of a business unit for a name: what a code may have. */
export function codeFor(displayName: string): string {
  return displayName
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^A-Za-z0-9]+/g, "-")
    .replace(/^[^A-Za-z]+|-+$/g, "")
    .slice(0, 20)
    .replace(/-+$/, "")
    .toUpperCase();
}
