import { describe, expect, test } from "vitest";
import {
  allOf,
  type FilterFields,
  joinRange,
  joinValues,
  oneOf,
  quoted,
  readFilters,
  readTag,
  splitRange,
  splitValues,
  toFilter,
} from "./filter";

const FIELDS = {
  q: { kind: "search", label: "Title", field: "title" },
  state: {
    kind: "choice",
    label: "State",
    field: "state",
    options: [
      { value: "FAILED", label: "Failed" },
      { value: "DRAFT", label: "Draft" },
    ],
  },
  environment: { kind: "object", label: "Environment", field: "environment" },
  owner: { kind: "person", label: "Owner", field: "owner" },
  correlation: { kind: "exact", label: "Correlation id", field: "correlation_id", placeholder: "" },
  created: { kind: "time", label: "Created", field: "create_time" },
  tags: { kind: "tags", label: "Tag", field: "tags" },
} as const satisfies FilterFields;

describe("the language", () => {
  test("quotes what people type", () => {
    expect(quoted('a "b" \\ c')).toBe('"a \\"b\\" \\\\ c"');
  });

  test("leaves out what is absent", () => {
    expect(allOf("a = 1", undefined, false, "", "b = 2")).toBe("a = 1 AND b = 2");
    expect(oneOf("a", [])).toBeUndefined();
    expect(oneOf("a", ["1", "2"])).toBe("(a = 1 OR a = 2)");
  });
});

describe("values in an address", () => {
  test.each([[["a"]], [["a", "b"]], [["a,b", "c\\d", "e\\,f"]], [["שלום", "🚀,🚀"]], [["two\nlines"]]])(
    "%j come back as they were",
    (values) => {
      expect(splitValues(joinValues(values))).toEqual(values);
    },
  );

  test("of nothing are nothing", () => {
    expect(splitValues(undefined)).toEqual([]);
    expect(splitValues("")).toEqual([]);
    expect(joinRange({})).toBe("");
    expect(splitRange("..")).toEqual({ from: undefined, to: undefined });
  });

  test("that a list does not know are dropped", () => {
    const search = {
      state: "FAILED,PURPLE",
      tags: "team=a,Bad Key=b",
      created: "soon..",
      unit: "eng",
      q: "",
      owner: "dev",
    };
    expect(readFilters(FIELDS, search)).toEqual({ state: "FAILED", tags: "team=a", owner: "dev" });
  });

  test("are texts, whatever the router made of them", () => {
    expect(readFilters(FIELDS, { q: 42, owner: true, environment: { a: 1 } })).toEqual({ q: "42", owner: "true" });
  });

  test("are no longer than the server takes", () => {
    expect([...(readFilters(FIELDS, { q: "🚀".repeat(200) }).q ?? "")]).toHaveLength(100);
  });
});

describe("a filter", () => {
  test("is empty where nothing is chosen", () => {
    expect(toFilter(FIELDS, {})).toBe("");
  });

  test("joins every kind of choice", () => {
    const filter = toFilter(FIELDS, {
      q: 'shop "one"',
      state: "FAILED,DRAFT",
      environment: "businessUnits/eng/environments/dev",
      owner: "dev",
      correlation: "0f",
      created: "2026-11-20T00:00:00.000Z..2026-11-21T00:00:00.000Z",
      tags: joinValues(["team=a,b", "tier-of=x=y"]),
    });
    expect(filter.split(" AND ")).toEqual([
      'title : "shop \\"one\\""',
      "(state = FAILED OR state = DRAFT)",
      '(environment = "businessUnits/eng/environments/dev")',
      'owner = "users/dev"',
      'correlation_id = "0f"',
      'create_time >= "2026-11-20T00:00:00.000Z"',
      'create_time < "2026-11-21T00:00:00.000Z"',
      'tags.team = "a,b"',
      'tags.tier-of = "x=y"',
    ]);
  });

  test("takes a principal by its whole name", () => {
    expect(toFilter(FIELDS, { owner: "runners/embedded" })).toBe('owner = "runners/embedded"');
    expect(toFilter(FIELDS, { owner: "system" })).toBe('owner = "system"');
  });

  test("has one end of a range", () => {
    expect(toFilter(FIELDS, { created: "2026-11-20T00:00:00.000Z.." })).toBe(
      'create_time >= "2026-11-20T00:00:00.000Z"',
    );
  });
});

test.each([
  ["team=a", { key: "team", value: "a" }],
  [" cost_center=4-2 ", { key: "cost_center", value: "4-2" }],
  ["a=b=c", { key: "a", value: "b=c" }],
  ["Team=a", undefined],
  ["team", undefined],
  ["team=", undefined],
])("the tag %j", (text, expected) => {
  expect(readTag(text)).toEqual(expected);
});
