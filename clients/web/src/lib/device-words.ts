// What a session runs on, from what the client said of itself. Nobody has checked that: the whole text stays at hand.

const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\//, "Firefox"],
  [/\bFxiOS\//, "Firefox"],
  [/\bHeadlessChrome\//, "Chrome without a window"],
  [/\b(?:Chrome|Chromium|CriOS)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];

const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\bAndroid\b/, "Android"],
  [/\b(?:iPhone|iPad)\b/, "iOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

/** `Firefox on Linux`; the text itself where it is no browser's. */
export function deviceWords(device: string): string {
  const find = (known: typeof BROWSERS) => known.find(([pattern]) => pattern.test(device))?.[1];
  const browser = find(BROWSERS);
  if (!browser) return device.trim() || "Unknown device";
  const system = find(SYSTEMS);
  return system ? `${browser} on ${system}` : browser;
}
