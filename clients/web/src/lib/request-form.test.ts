import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { RequestSchema } from "~/gen/flagstone/v1/request_service_pb";
import { MASK } from "./json-diff";
import {
  anchorOf,
  EMPTY_FORM,
  formOf,
  formProblems,
  inputProblems,
  labelOf,
  maskedCount,
  missingTags,
  requestOf,
  tagsFrom,
  verdictOf,
} from "./request-form";

const FORM = {
  ...EMPTY_FORM,
  title: "Logs",
  unit: "businessUnits/eng",
  environment: "businessUnits/eng/environments/dev",
  templateVersion: "templates/aws-s3/versions/1.0.0",
  inputs: { bucket_name: "logs" },
  tags: tagsFrom({ team: "payments", business_unit: "ENG" }),
};

describe("the content of a request", () => {
  test("comes back as the form that made it", () => {
    const request = create(RequestSchema, {
      ...requestOf("create", FORM),
      name: "businessUnits/eng/requests/1",
    });
    expect(formOf(request)).toEqual(FORM);
  });

  test("never holds the platform's tag, empty rows or masks", () => {
    const form = { ...FORM, tags: [...FORM.tags, { id: "new", key: "", value: "" }] };
    expect(requestOf("create", form).tags).toEqual({ team: "payments" });
    const stored = requestOf("create", { ...FORM, inputs: { a: MASK, b: { c: MASK, d: 1 }, e: [MASK, "x"] } });
    expect(formOf(create(RequestSchema, stored)).inputs).toEqual({ b: { d: 1 }, e: ["x"] });
    expect(maskedCount({ a: MASK, b: { c: MASK, d: 1 }, e: [MASK, "x"] })).toBe(3);
  });

  test("leaves out what stays as it is", () => {
    const { payload, tags } = requestOf("update", FORM, { keepInputs: true, keepTags: true });
    expect(tags).toEqual({});
    expect(payload?.case === "update" && payload.value).not.toHaveProperty("inputs");
  });
});

describe("problems", () => {
  test("of a form are found before anybody is asked", () => {
    const tags = [...FORM.tags, { id: "2", key: "team", value: "other" }, { id: "3", key: "", value: "lost" }];
    expect(formProblems("create", { ...FORM, environment: "", tags }).map(({ field }) => field)).toEqual([
      "request.create.environment",
      "request.tags[team]",
      "request.tags[]",
    ]);
    expect(formProblems("update", { ...FORM, environment: "" })).toEqual([]);
  });

  test("have a label and a place", () => {
    const schema = { properties: { rules: { title: "Rules", items: { properties: { max_days: {} } } } } };
    const field = "request.create.inputs.rules[1].max_days";
    expect(labelOf(field, "create", schema)).toBe("Rules › 2 › Max days");
    expect(anchorOf(field, "create")).toBe("inputs-rules[1].max_days");
    expect(labelOf("request.create.environment", "create", schema)).toBe("Environment");
    expect(anchorOf("request.create.deployment_id", "create")).toBe("field-deployment_id");
    expect(labelOf("request.tags[owner]", "create", schema)).toBe("Tag owner");
    expect(anchorOf("request.tags[owner]", "create")).toBe("tag-owner");
    expect(inputProblems("update", [{ field: "request.update.inputs", message: "x" }])).toEqual([
      { field: "", message: "x" },
    ]);
  });

  test("name the tags that are missing", () => {
    const wrong = ["owner", "team", "owner"].map((key) => ({ field: `request.tags[${key}]`, message: "x" }));
    expect(missingTags(wrong, FORM.tags)).toEqual(["owner"]);
  });

  test("are the server's once it has judged what the form holds", () => {
    const client = [
      { field: "a", message: "client" },
      { field: "b", message: "client" },
    ];
    const server = [
      { field: "b", message: "server" },
      { field: "c", message: "server" },
    ];
    expect(verdictOf(client, server, true)).toEqual([client[1], server[1]]);
    expect(verdictOf(client, server, false)).toEqual([client[0], client[1], server[1]]);
  });
});
