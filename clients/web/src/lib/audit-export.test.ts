import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test, vi } from "vitest";
import { AuditEventSchema, AuditOutcome } from "~/gen/flagstone/v1/audit_service_pb";
import { exportText, preciseTime } from "./audit-export";

vi.mock("~/api/client", () => ({ transport: {} }));

const event = (number: number) =>
  create(AuditEventSchema, {
    name: `auditEvents/${number}`,
    time: { ...timestampFromMs(1_700_000_000_000), nanos: 123_456_000 },
    principal: "users/dev",
    action: "request.create",
    outcome: AuditOutcome.SUCCESS,
    userAgent: "=cmd",
    details: { permission: "a,b" },
  });

test("a time keeps its microseconds", () => {
  expect(preciseTime({ $typeName: "google.protobuf.Timestamp", seconds: 1_700_000_000n, nanos: 5_000 })).toBe(
    "2023-11-14T22:13:20.000005Z",
  );
});

test("JSON put together from pages is one array", () => {
  const text = [
    exportText("json", [event(1), event(2)], true, false),
    exportText("json", [event(3)], false, false),
    exportText("json", [], false, true),
  ].join("");
  expect(JSON.parse(text).map(({ name }: { name: string }) => name)).toEqual([
    "auditEvents/1",
    "auditEvents/2",
    "auditEvents/3",
  ]);
});

test("JSON of nothing is an empty array", () => {
  expect(JSON.parse(exportText("json", [], true, true))).toEqual([]);
});

test("CSV has one head, and a line for each event", () => {
  const text = exportText("csv", [event(1)], true, false) + exportText("csv", [event(2)], false, true);
  const lines = text.trimEnd().split("\r\n");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^time,principal,action,object,/);
  expect(lines[1]).toContain("2023-11-14T22:13:20.123456Z,users/dev,request.create");
  expect(lines[1]).toContain("'=cmd");
  expect(lines[1]).toContain('"{""permission"":""a,b""}"');
});
