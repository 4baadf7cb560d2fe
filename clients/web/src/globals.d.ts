/** The version in package.json, set by Vite. */
declare const __FLAGSTONE_VERSION__: string;
