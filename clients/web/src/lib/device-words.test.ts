import { expect, test } from "vitest";
import { deviceWords } from "./device-words";

test("browsers are named, with their system", () => {
  const chrome =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
  expect(deviceWords(chrome)).toBe("Chrome on Linux");
  expect(deviceWords(`${chrome} Edg/140.0`)).toBe("Edge on Linux");
  expect(deviceWords("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0")).toBe(
    "Firefox on macOS",
  );
  expect(
    deviceWords("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604"),
  ).toBe("Safari on iOS");
});

test("anything else is shown as it is", () => {
  expect(deviceWords("flagstone on build-7")).toBe("flagstone on build-7");
  expect(deviceWords(" ")).toBe("Unknown device");
});
