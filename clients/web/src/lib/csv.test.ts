import { expect, test } from "vitest";
import { csvLine } from "./csv";

test.each([
  [["a", "b"], "a,b\r\n"],
  [["a,b", 'say "no"', "two\nlines"], '"a,b","say ""no""","two\nlines"\r\n'],
  [["", ""], ",\r\n"],
  [["=1+1", "+49", "-1", "@me", "\tx"], "'=1+1,'+49,'-1,'@me,'\tx\r\n"],
  [['=HYPERLINK("x","y")'], '"\'=HYPERLINK(""x"",""y"")"\r\n'],
  [["שלום", "🚀"], "שלום,🚀\r\n"],
])("%j", (cells, line) => {
  expect(csvLine(cells)).toBe(line);
});
