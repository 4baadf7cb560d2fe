import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { ScopePermissionsSchema } from "~/gen/flagstone/v1/access_service_pb";
import { ApiTokenSchema } from "~/gen/flagstone/v1/api_token_service_pb";
import { grantable, readingOnly, tokenState } from "./api-token";

test("a revoked token is revoked, whenever it would have ended", () => {
  const expireTime = timestampFromMs(1_000);
  expect(tokenState(create(ApiTokenSchema, { expireTime }), 999)).toBe("active");
  expect(tokenState(create(ApiTokenSchema, { expireTime }), 1_000)).toBe("expired");
  expect(tokenState(create(ApiTokenSchema, { expireTime, revokeTime: timestampFromMs(1) }), 5)).toBe("revoked");
});

test("what is held in several places is given once, and reading is told from changing", () => {
  const scope = (name: string, ...permissions: string[]) =>
    create(ScopePermissionsSchema, { scope: name, permissions: permissions.map((permission) => ({ permission })) });
  const held = grantable([
    scope("", "user:profile:read"),
    scope("businessUnits/eng", "business_unit:jobs:read", "business_unit:deployments:create:staging"),
    scope("businessUnits/ops", "business_unit:jobs:read", "business_unit:jobs:list"),
  ]);
  expect(held.map(({ permission }) => permission)).toEqual([
    "business_unit:deployments:create:staging",
    "business_unit:jobs:list",
    "business_unit:jobs:read",
    "user:profile:read",
  ]);
  expect(readingOnly(held)).toEqual(["business_unit:jobs:list", "business_unit:jobs:read", "user:profile:read"]);
});
