/** What every step of the first run is given. */
export interface StepProps {
  isDone: boolean;
  /** Marks it as done where it is. */
  onConfirm: () => void;
  confirming: boolean;
  /** Why it cannot be marked by the caller. */
  reason: string | undefined;
  /** Asks the server again what is done. */
  onLook: () => void;
  isLooking: boolean;
}
