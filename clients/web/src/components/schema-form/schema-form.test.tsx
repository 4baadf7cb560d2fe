import type { JsonObject } from "@bufbuild/protobuf";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { FieldProblem } from "~/api/errors";
import type { Schema } from "~/lib/schema";
import { TooltipProvider } from "~/ui/tooltip";
import { SchemaForm } from "./schema-form";

let value: JsonObject = {};
let unread: FieldProblem[] = [];

function Form({ schema, initial, errors = [] }: { schema: Schema; initial: JsonObject; errors?: FieldProblem[] }) {
  const [current, setCurrent] = useState(initial);
  value = current;
  return (
    <TooltipProvider>
      <SchemaForm
        schema={schema}
        value={current}
        onChange={setCurrent}
        errors={errors}
        idPrefix="inputs"
        onUnread={(problems) => {
          unread = problems;
        }}
      />
    </TooltipProvider>
  );
}

function show(properties: JsonObject, initial: JsonObject = {}, rest: JsonObject = {}, errors?: FieldProblem[]) {
  return render(
    <Form
      schema={{ type: "object", additionalProperties: false, properties, ...rest }}
      initial={initial}
      errors={errors}
    />,
  );
}

const type = (label: string | RegExp, text: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value: text } });
const click = (name: string | RegExp) => fireEvent.click(screen.getByRole("button", { name }));

beforeEach(() => {
  unread = [];
  // Focus moves at once.
  vi.stubGlobal("requestAnimationFrame", (run: () => void) => setTimeout(run, 0));
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

describe("single values", () => {
  test("are typed, and left out when emptied", () => {
    show({ name: { type: "string", title: "Name" }, size: { type: "number", title: "Size" } });
    type("Name", "logs");
    type("Size", "1.50");
    expect(value).toEqual({ name: "logs", size: 1.5 });
    expect(screen.getByLabelText<HTMLInputElement>("Size").value).toBe("1.50");
    type("Size", "many");
    expect(value.size).toBe("many");
    type("Name", "");
    type("Size", "");
    expect(value).toEqual({});
  });

  test("that are null where nothing is given stay null when emptied", () => {
    show({ note: { type: ["string", "null"], title: "Note" } }, { note: "a" }, { required: ["note"] });
    type(/^Note/, "");
    expect(value).toEqual({ note: null });
  });

  test("that are secret are never shown", () => {
    show({ token: { type: "string", title: "Token", "x-flagstone-secret": true } });
    const input = screen.getByLabelText<HTMLInputElement>("Token");
    expect([input.type, input.autocomplete]).toEqual(["password", "new-password"]);
  });

  test("say what is wrong beside the field", () => {
    show({ name: { type: "string", title: "Name" } }, {}, {}, [{ field: "name", message: "This is required." }]);
    const input = screen.getByLabelText("Name");
    expect(input.getAttribute("aria-invalid")).toBe("true");
    expect(input.getAttribute("aria-describedby")).toContain("inputs-name-errors");
  });

  test("keep what kind of value an option is", () => {
    show({ days: { type: "integer", title: "Days", enum: [0, 7], default: 0 } });
    fireEvent.change(screen.getByLabelText("Days"), { target: { value: "1" } });
    expect(value).toEqual({ days: 7 });
  });

  test("without a form of their own are JSON", () => {
    show({ anything: { title: "Anything" } });
    type("Anything", '{"a": ');
    expect(unread).toHaveLength(1);
    type("Anything", '{"a": 1}');
    expect(value).toEqual({ anything: { a: 1 } });
    expect(unread).toHaveLength(0);
  });
});

describe("lists", () => {
  const zones = { zones: { type: "array", title: "Zones", items: { type: "string", title: "Zone" } } };

  test("are filled, moved and emptied with buttons and Enter", () => {
    show(zones);
    click("Add zone");
    type("Zone 1", "a");
    fireEvent.keyDown(screen.getByLabelText("Zone 1"), { key: "Enter" });
    type("Zone 2", "b");
    expect(value).toEqual({ zones: ["a", "b"] });
    click("Move Zone 2 up");
    expect(value).toEqual({ zones: ["b", "a"] });
    click("Remove Zone 1");
    expect(value).toEqual({ zones: ["a"] });
    expect(screen.getByLabelText<HTMLInputElement>("Zone 1").value).toBe("a");
  });

  test("put the keyboard into what was added", async () => {
    show(zones);
    click("Add zone");
    await vi.waitFor(() => expect(document.activeElement).toBe(screen.getByLabelText("Zone 1")));
  });

  test("of distinct options are boxes", () => {
    show({ methods: { type: "array", title: "Methods", uniqueItems: true, items: { enum: ["GET", "PUT"] } } });
    fireEvent.click(screen.getByLabelText("PUT"));
    fireEvent.click(screen.getByLabelText("GET"));
    expect(value).toEqual({ methods: ["GET", "PUT"] });
  });

  test("of objects begin with the defaults of their fields", () => {
    const items = { type: "object", properties: { on: { type: "boolean", default: true }, id: { type: "string" } } };
    show({ rules: { type: "array", title: "Rules", items } });
    click("Add to rules");
    expect(value).toEqual({ rules: [{ on: true }] });
  });
});

describe("objects and maps", () => {
  test("are added and removed whole", () => {
    const properties = { key: { type: "string", title: "Key" }, on: { type: "boolean", default: true } };
    show({ kms: { type: "object", title: "KMS key", properties } });
    click("Add KMS key");
    expect(value).toEqual({ kms: { on: true } });
    click("Remove KMS key");
    expect(value).toEqual({});
  });

  test("hold entries whose keys may still be wrong", () => {
    show({ tags: { type: "object", title: "Tags", additionalProperties: { type: "string" } } }, { tags: { a: "1" } });
    click("Add to tags");
    expect(value).toEqual({ tags: { a: "1" } });
    type("Key of Tags 2", "a");
    type("Value of entry 2", "2");
    expect(value).toEqual({ tags: { a: "1" } });
    expect(unread).toEqual([{ field: "tags", message: "The key a is there twice. Give each key once." }]);
    type("Key of Tags 2", "b");
    expect(value).toEqual({ tags: { a: "1", b: "2" } });
    expect(unread).toEqual([]);
  });

  test("that are unknown to the schema can be removed", () => {
    show({}, { old: 1 });
    click("Remove old");
    expect(value).toEqual({});
  });

  test("of several forms are one of them", () => {
    const oneOf: JsonObject[] = [
      { title: "By name", type: "object", properties: { name: { type: "string", title: "Name" } } },
      { title: "By size", type: "object", properties: { size: { type: "integer", title: "Size", default: 3 } } },
    ];
    show({ choice: { title: "Choice", oneOf } });
    fireEvent.change(screen.getByLabelText("Form of choice"), { target: { value: "1" } });
    expect(value).toEqual({ choice: { size: 3 } });
    fireEvent.change(screen.getByLabelText("Form of choice"), { target: { value: "-1" } });
    expect(value).toEqual({});
  });
});

test("a change redraws its own field and no other", () => {
  const drawn: number[] = [];
  const properties: JsonObject = {};
  for (let index = 0; index < 40; index += 1) {
    properties[`f${index}`] = {
      type: "string",
      get title() {
        drawn.push(index);
        return `Field ${index}`;
      },
    };
  }
  show(properties);
  drawn.length = 0;
  type("Field 30", "a");
  expect(value).toEqual({ f30: "a" });
  expect([...new Set(drawn)]).toEqual([30]);
});
