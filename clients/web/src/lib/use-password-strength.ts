import { useEffect, useState } from "react";
import type { Person, Strength } from "./password";

type Judge = (password: string, person: Person) => Strength;

/** How hard a password is to guess; `undefined` until the judge's code is there. Where it cannot be loaded, the server tells. */
export function usePasswordStrength(password: string, person: Person): Strength | undefined {
  const [judge, setJudge] = useState<Judge>();
  const isWanted = password !== "";
  useEffect(() => {
    if (!isWanted) return;
    let isHere = true;
    import("./password-strength").then(
      ({ strengthOf }) => isHere && setJudge(() => strengthOf),
      () => undefined,
    );
    return () => {
      isHere = false;
    };
  }, [isWanted]);
  return password && judge ? judge(password, person) : undefined;
}
