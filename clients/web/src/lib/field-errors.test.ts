import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { BadRequestSchema } from "~/gen/google/rpc/error_details_pb";
import { fieldErrors } from "./field-errors";

const error = (...fields: string[]) =>
  new ConnectError("invalid", Code.InvalidArgument, undefined, [
    {
      desc: BadRequestSchema,
      value: { fieldViolations: fields.map((field) => ({ field, description: `${field} is wrong` })) },
    },
  ]);

test("a violation is found by the last part of its path, and only by the whole of it", () => {
  const errors = fieldErrors(error("role.display_name", "role_id"));
  expect(errors.of("name")).toEqual([]);
  expect(errors.of("display_name")).toEqual(["role.display_name is wrong"]);
  expect(errors.areShown()).toBe(false);
  expect(errors.of("role_id")).toEqual(["role_id is wrong"]);
  expect(errors.areShown()).toBe(true);
});

test("an error without fields is shown as a whole", () => {
  expect(fieldErrors(error()).areShown()).toBe(false);
  expect(fieldErrors(undefined).problem).toBeUndefined();
});
