// The browser specs: `npx playwright test`, after `cargo build`. They start the program themselves, on a free port
// and with data of its own (tests/browser/server.mjs), in Debian's Chromium.

import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "tests/browser",
  outputDir: "test-results",
  globalSetup: "./tests/browser/global-setup.mjs",
  // Limits that only a hang reaches: the machine may have much else to do.
  timeout: 240_000,
  expect: { timeout: 30_000 },
  fullyParallel: true,
  workers: 2,
  forbidOnly: Boolean(process.env.CI),
  reporter: [["list"]],
  use: {
    colorScheme: "dark",
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    viewport: { width: 1280, height: 800 },
    actionTimeout: 30_000,
    navigationTimeout: 30_000,
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: [
    // The empty server is set up once, by a spec; everything else finds the administrator and the rooms of that.
    { name: "setup", testMatch: "setup.spec.mjs" },
    { name: "chat", testIgnore: "setup.spec.mjs", dependencies: ["setup"] },
  ],
});
