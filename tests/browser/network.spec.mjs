// Lost connections, on a server of this file's own: nothing is lost, nothing comes twice, and the page says how it is.

import { composer, bodies, connected, enter, makeRoom, message, say, setUp, signUp, unconfirmed, unique } from "./people.mjs";
import { Server } from "./server.mjs";
import { expect, LOST_CONNECTION, test as base } from "./test.mjs";

const test = base.extend({
  server: [
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.end();
    },
    { scope: "worker", timeout: 90_000 },
  ],
  baseURL: ({ server }, use) => use(server.url),
  /** Two people in a room; the first time, the server is set up. */
  pair: async ({ server, visitor, expectComplaint }, use) => {
    expectComplaint(LOST_CONNECTION);
    if (!server.ready) {
      const admin = await visitor();
      await setUp(admin, server.setupUrl);
      await makeRoom(admin, "General");
      server.ready = true;
    }
    const pages = [];
    for (const name of ["Ada", "Bob"]) {
      const page = await visitor();
      await signUp(page, { username: unique(name), first_name: name });
      await enter(page, "General");
      pages.push(page);
    }
    await use(pages);
  },
});

test.describe.configure({ mode: "serial" });

/** How often a text stands on a page, confirmed or not. */
const times = async (page, text) => (await page.locator("#messages .body").allTextContents()).filter((one) => one === text).length;

test("offline and back: what was missed arrives once, what was written goes out once", async ({ pair: [ada, bob] }) => {
  const [missed, first, second] = ["missed", "first", "second"].map(unique);
  await ada.context().setOffline(true);
  await expect(ada.locator("#connection")).toBeVisible();
  await expect(ada.locator("#connection")).toContainText(/You are offline\..*is kept and sent.*(Next try in \d+ s|Trying now)/s);
  await expect(ada.locator("#room")).toHaveClass(/disconnected/);
  await say(bob, missed);
  await say(ada, first);
  await say(ada, second);
  await expect(ada.locator("#messages > .pending")).toHaveCount(2);
  await expect(message(bob, missed)).toBeVisible();
  expect(await times(ada, missed)).toBe(0);

  await ada.context().setOffline(false);
  await expect(ada.locator("#connection")).toBeHidden();
  await expect(unconfirmed(ada)).toHaveCount(0);
  for (const page of [ada, bob]) {
    for (const text of [missed, first, second]) {
      await expect(message(page, text)).toHaveCount(1);
      expect(await times(page, text)).toBe(1);
    }
  }
  const texts = await bodies(bob);
  expect(texts.indexOf(first)).toBeLessThan(texts.indexOf(second));
  expect(await bodies(ada)).toEqual(texts);
});

test("two servers on one host do not log each other out", async ({ pair: [ada], server }) => {
  await signUp(ada, { username: unique("elsewhere"), first_name: "Elsewhere" }, process.env.UMBRACHAT_TEST_URL);
  for (const [url, name] of [[server.url, "Ada"], [process.env.UMBRACHAT_TEST_URL, "Elsewhere"]]) {
    await ada.goto(`${url}/chat/`);
    await expect(ada.getByLabel(`${name}, your account`)).toBeVisible();
  }
});

test("what is not confirmed survives a reload", async ({ pair: [ada, bob], server }) => {
  const text = unique("kept");
  server.freeze();
  await say(ada, text);
  await expect(ada.locator("#messages > .pending")).toHaveCount(1);
  const reloaded = ada.reload();
  server.thaw();
  await reloaded;
  await connected(ada);
  await expect(unconfirmed(ada)).toHaveCount(0);
  await expect(message(bob, text)).toHaveCount(1);
  expect(await times(ada, text)).toBe(1);
});

test("a restart of the server loses and doubles nothing", async ({ pair: [ada, bob], server }) => {
  const [before, during, after] = ["before", "during", "after"].map(unique);
  await say(ada, before);
  await expect(message(bob, before)).toBeVisible();
  await server.stop();
  await say(ada, during);
  await say(bob, `${during}-too`);
  await expect(ada.locator("#connection")).toContainText(/The server cannot be reached\..*is kept and sent/s);
  await server.run();
  // Or it has tried by itself.
  await ada.getByRole("button", { name: "Try now", includeHidden: true }).dispatchEvent("click");
  for (const page of [ada, bob]) {
    await connected(page);
    await expect(page.locator("#connection")).toBeHidden();
    await expect(unconfirmed(page)).toHaveCount(0);
    await expect(message(page, during)).toHaveCount(1);
    await expect(message(page, `${during}-too`)).toHaveCount(1);
  }
  await say(bob, after);
  for (const page of [ada, bob]) await expect(message(page, after)).toHaveCount(1);
  expect(await bodies(ada)).toEqual(await bodies(bob));
});

test("killed while two people write: every confirmed message is there, once", async ({ pair: [ada, bob], server }) => {
  const confirmed = new Set();
  const texts = [];
  const note = async () => {
    for (const page of [ada, bob]) for (const text of await bodies(page)) confirmed.add(text);
  };
  for (let n = 0; n < 12; n += 1) {
    const text = unique(`write${n}`);
    texts.push(text);
    await say(n % 2 ? ada : bob, text);
    if (n === 6) {
      await note();
      await server.kill();
    }
  }
  await server.run();
  for (const page of [ada, bob]) {
    await connected(page);
    await expect(unconfirmed(page)).toHaveCount(0);
    for (const text of texts) await expect(message(page, text)).toHaveCount(1);
  }
  await ada.reload();
  const stored = await bodies(ada);
  for (const text of confirmed) expect(stored).toContain(text);
  expect(new Set(stored).size, "none stands twice").toBe(stored.length);
});

test("a connection that is silently dead is noticed by a message that gets no answer", async ({ pair: [ada, bob], server }) => {
  test.slow();
  const text = unique("swallowed");
  // The page's clock runs ahead, or this would wait for the watchdog in real time.
  await ada.evaluate(() => {
    const now = Date.now;
    window.ahead = 0;
    Date.now = () => now() + window.ahead;
  });
  const socket = await ada.evaluateHandle(() => document.querySelector("#room")._htmx.ws.connection.socket);
  server.freeze();
  await say(ada, text);
  await ada.evaluate(() => (window.ahead = 16_000));
  await expect(ada.locator("#room")).toHaveClass(/disconnected/);
  server.thaw();
  await connected(ada);
  expect(await ada.evaluate((old) => old !== document.querySelector("#room")._htmx.ws.connection.socket, socket)).toBe(true);
  await expect(unconfirmed(ada)).toHaveCount(0);
  await expect(message(bob, text)).toHaveCount(1);
  await expect(composer(ada)).toHaveValue("");
});

test("a page that comes back from the browser's history connects again", async ({ pair: [ada, bob] }) => {
  const text = unique("back");
  await ada.goto("/about");
  await say(bob, text);
  await ada.goBack();
  await connected(ada);
  await expect(message(ada, text)).toHaveCount(1);
});
