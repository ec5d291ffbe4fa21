// Playwright's `test` with people, and with an eye on every page: a console message, an uncaught error or a
// violation of the content security policy fails the spec, unless it said before that it expects it.

import { AxeBuilder } from "@axe-core/playwright";
import { expect, test as base } from "@playwright/test";
import { ADMIN_STATE, post, signUp, unique } from "./people.mjs";

export { expect };

/** What the browser itself says about a lost connection. */
export const LOST_CONNECTION = /WebSocket connection to|htmx:ws:error|ERR_INTERNET_DISCONNECTED|ERR_CONNECTION/;
export const STATUS = (code) => new RegExp(`responded with a status of ${code}`);

export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

function watch(context, complaints) {
  context.on("console", (said) => {
    if (["error", "warning"].includes(said.type())) complaints.push(`${said.type()}: ${said.text()}`);
  });
  context.on("weberror", (error) => complaints.push(`uncaught: ${error.error().stack}`));
  context.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  return context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
    });
  });
}

export const test = base.extend({
  baseURL: ({}, use) => use(process.env.UMBRACHAT_TEST_URL),

  /** `expectComplaint(/…/)`: the browser may say this in this spec. */
  complaints: async ({}, use) => {
    const seen = [];
    const expected = [];
    await use({ seen, expected });
    const rest = seen.filter((text) => !expected.some((pattern) => pattern.test(text)));
    expect(rest, "what the browser complained about").toEqual([]);
  },
  expectComplaint: ({ complaints }, use) => use((pattern) => complaints.expected.push(pattern)),

  /** `visitor(options)`: a page of somebody who is not logged in, in a context of their own. */
  visitor: async ({ browser, baseURL, defaults, complaints }, use) => {
    const contexts = [];
    await use(async (options = {}) => {
      const context = await browser.newContext({ ...defaults, baseURL, ...options });
      contexts.push(context);
      await watch(context, complaints.seen);
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      return page;
    });
    await Promise.all(contexts.map((context) => context.close()));
  },

  /** Stars that twinkle cost a third of the time: whatever is about motion asks for it. */
  defaults: ({ colorScheme, locale, timezoneId, viewport }, use) =>
    use({ colorScheme, locale, timezoneId, viewport, reducedMotion: "reduce" }),

  /** `person("ada")`: the page of somebody who just signed up, as `username` if that is given; `page.person` says who. */
  person: ({ visitor }, use) =>
    use(async (name, { username, ...options } = {}) => {
      const page = await visitor(options);
      const [first, last = ""] = name.split(" ");
      page.person = { username: username ?? unique(first.toLowerCase()), first_name: first, last_name: last };
      await signUp(page, page.person);
      return page;
    }),

  /** `newRoom("name", "topic")`: a new room that no other spec uses; gives its name. */
  newRoom: ({ browser, baseURL }, use) =>
    use(async (name, topic = "") => {
      const context = await browser.newContext({ baseURL, storageState: ADMIN_STATE });
      const own = unique(name);
      await post(context, "/admin/rooms", "/admin/rooms", { name: own, topic });
      await context.close();
      return own;
    }),

  /** The administrator's page. */
  admin: ({ visitor }, use) => use((options = {}) => visitor({ storageState: ADMIN_STATE, ...options })),
});

/** No violation of WCAG 2 A and AA, nor of axe's best practices. */
export async function accessible(page, where) {
  // Colours are judged where they come to rest, not on the way there.
  await page.evaluate(() => {
    for (const animation of document.getAnimations()) if (animation instanceof CSSTransition) animation.finish();
  });
  // "Legacy" is all in the page itself, which has no frames; else each result goes through another, new page.
  const axe = new AxeBuilder({ page }).options({ resultTypes: ["violations"] }).setLegacyMode();
  const { violations } = await axe.analyze();
  const told = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${where}: ${id}: ${help}\n  ${target}\n  ${failureSummary}`),
  );
  expect(told).toEqual([]);
}

/** Nothing sticks out to the side. */
export async function fits(page, where) {
  const [content, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  expect(content, `${where} is wider than the window`).toBeLessThanOrEqual(width);
}
