import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { MyBusinessUnitSchema } from "~/gen/flagstone/v1/user_service_pb";
import { myUnits } from "./unit";

test("units of which one is a member come first, then by what people call them", () => {
  const unit = (code: string, displayName: string, role: string) =>
    create(MyBusinessUnitSchema, {
      businessUnit: { name: `businessUnits/${code.toLowerCase()}`, code, displayName, active: true },
      role,
    });
  const found = myUnits([unit("OPS", "", ""), unit("ENG", "Zeppelins", "roles/developer"), unit("ART", "Art", "")]);
  expect(found.map(({ label, role }) => [label, role])).toEqual([
    ["Zeppelins", "roles/developer"],
    ["Art", ""],
    ["OPS", ""],
  ]);
});
