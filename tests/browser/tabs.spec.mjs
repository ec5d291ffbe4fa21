// Several tabs of one browser: what is not sent belongs to the account, and is sent once, by one of them.

import { bodies, connected, enter, logIn, message, say, unconfirmed, unique } from "./people.mjs";
import { expect, STATUS, test as base } from "./test.mjs";

const test = base.extend({
  /**
   * Ada's browser and a room of its own. `tabs.open()` opens the room in one more tab, `tabs.sent` holds all that
   * tabs sent, and `tabs.hear` may swallow it.
   */
  tabs: async ({ person, newRoom }, use) => {
    const page = await person("Ada");
    const tabs = { page, room: await newRoom("tabs"), sent: [], hear: () => false };
    await page.context().routeWebSocket(/\/ws\/chatroom\//, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((text) => {
        const frame = JSON.parse(text);
        // What was read and who types is not what these specs are about.
        const passes = ["read", "typing"].includes(frame.type) || (tabs.sent.push(frame), tabs.hear(frame, socket));
        if (passes) server.send(text);
      });
    });
    tabs.open = async () => {
      const tab = await page.context().newPage();
      await tab.goto(`/chat/room/${tabs.room}`);
      await connected(tab);
      return tab;
    };
    await enter(page, tabs.room);
    await use(tabs);
  },
});

/** What this browser keeps for all its tabs. */
const kept = (page) => page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("umbra:")));

test("what was not sent when its tab closed is sent once, by whichever tab comes first", async ({ tabs }) => {
  await say(tabs.page, "one");
  await say(tabs.page, "two");
  await expect(unconfirmed(tabs.page)).toHaveCount(2);
  await tabs.page.close();

  tabs.sent = [];
  tabs.hear = () => true;
  const both = await Promise.all([tabs.open(), tabs.open()]);
  for (const tab of both) {
    await expect(message(tab, "two")).toHaveCount(1);
    await expect(unconfirmed(tab)).toHaveCount(0);
    expect(await bodies(tab)).toEqual(["one", "two"]);
    expect(await kept(tab)).toEqual([]);
  }
  expect(tabs.sent.map(({ body }) => body)).toEqual(["one", "two"]);
});

test("what was kept for long is sent when its author says so", async ({ tabs }) => {
  await say(tabs.page, "old news");
  await expect(unconfirmed(tabs.page)).toHaveCount(1);
  await tabs.page.evaluate(() => {
    const key = Object.keys(localStorage).find((key) => key.includes(":pending:"));
    const entry = JSON.parse(localStorage[key]);
    localStorage[key] = JSON.stringify({ ...entry, at: entry.at - 13 * 60 * 60 * 1000 });
  });
  await tabs.page.close();

  tabs.sent = [];
  tabs.hear = () => true;
  const tab = await tabs.open();
  await expect(unconfirmed(tab)).toContainText("You wrote this a while ago");
  await say(tab, "new");
  await expect(message(tab, "new")).toHaveCount(1);
  expect(tabs.sent.map(({ body }) => body)).toEqual(["new"]);
  await tab.getByRole("button", { name: "Try again" }).click();
  await expect(message(tab, "old news")).toHaveCount(1);
  await expect(unconfirmed(tab)).toHaveCount(0);
});

test("without locks, which plain HTTP does not have, it is stored once all the same", async ({ tabs }) => {
  await tabs.page.context().addInitScript(() => Object.defineProperty(navigator, "locks", { value: undefined }));
  const other = await tabs.open();
  await tabs.page.reload();
  await connected(tabs.page);
  await say(tabs.page, "one");
  // Both try.
  await expect.poll(() => tabs.sent.length).toBe(2);
  tabs.hear = () => true;
  await Promise.all([tabs.page, other].map(async (tab) => {
    await tab.reload();
    await connected(tab);
  }));
  for (const tab of [tabs.page, other]) {
    await expect(message(tab, "one")).toHaveCount(1);
    await expect(unconfirmed(tab)).toHaveCount(0);
    expect(await bodies(tab)).toEqual(["one"]);
  }
});

test("where the browser refuses locks, it is sent all the same", async ({ tabs }) => {
  tabs.hear = () => true;
  await tabs.page.context().addInitScript(() => {
    navigator.locks.request = () => Promise.reject(new DOMException("No.", "SecurityError"));
  });
  await tabs.page.reload();
  await connected(tabs.page);
  await say(tabs.page, "one");
  await expect(message(tabs.page, "one")).toHaveCount(1);
  await expect(unconfirmed(tabs.page)).toHaveCount(0);
});

test("while one tab tries, the others let it", async ({ tabs }) => {
  const { page } = tabs;
  const other = await tabs.open();
  let refusals = 4;
  tabs.hear = ({ client_id }, socket) => {
    if (refusals === 0) return true;
    refusals -= 1;
    socket.send(JSON.stringify({ error: { code: "too_fast", message: "Wait.", client_id, retry_after: 1 } }));
    return false;
  };
  // Both have been connected for long, and find what was written long before.
  for (const tab of [page, other]) {
    await tab.evaluate(() => {
      const now = Date.now;
      Date.now = () => now() + 31_000;
      window.steals = 0;
      const { locks } = navigator;
      const request = locks.request.bind(locks);
      locks.request = (name, options, callback) => {
        if (options.steal) window.steals += 1;
        return request(name, options, callback);
      };
    });
  }
  const third = await page.context().newPage();
  await third.goto("/about");
  const ids = await page.locator("#room").evaluate(({ dataset }) => `umbra:${dataset.me}:${dataset.room}`);
  await third.evaluate((prefix) => {
    const at = Date.now() - 60 * 60 * 1000;
    const entry = { id: crypto.randomUUID(), body: "patience", at, state: "pending", reason: "", tries: 0 };
    localStorage.setItem(`${prefix}:pending:${entry.id}`, JSON.stringify(entry));
  }, ids);
  for (const tab of [page, other]) {
    await expect(message(tab, "patience")).toHaveCount(1);
    expect(await tab.evaluate(() => window.steals)).toBe(0);
  }
  expect(tabs.sent).toHaveLength(5);
});

test("a tab that has its turn and is asleep holds nothing up", async ({ tabs }) => {
  const { page } = tabs;
  tabs.hear = () => true;
  const asleep = await page.context().newPage();
  await asleep.goto("/about");
  const ids = await page.locator("#room").evaluate(({ dataset }) => `umbra:${dataset.me}:${dataset.room}`);
  /** It has the turn, does nothing with it, and the page has noticed: it waits. */
  const fallAsleep = () =>
    asleep.evaluate(async (lock) => {
      navigator.locks.request(lock, { steal: true }, () => new Promise(() => {})).catch(() => {});
      while (!(await navigator.locks.query()).pending.some(({ name }) => name === lock));
    }, ids);
  await fallAsleep();
  // Where somebody writes, nothing waits.
  await say(page, "at once");
  await expect(message(page, "at once")).toHaveCount(1);

  // What the sleeping one left behind is sent after a while. The page's clock runs ahead.
  await fallAsleep();
  await asleep.evaluate((prefix) => {
    const entry = { id: crypto.randomUUID(), body: "after a while", at: Date.now(), state: "pending", reason: "", tries: 0 };
    localStorage.setItem(`${prefix}:pending:${entry.id}`, JSON.stringify(entry));
  }, ids);
  await expect(page.locator("#messages > .pending .body")).toHaveText("after a while");
  expect(tabs.sent).toHaveLength(1);
  await page.evaluate(() => {
    const now = Date.now;
    Date.now = () => now() + 31_000;
  });
  await expect(message(page, "after a while")).toHaveCount(1);
  expect(tabs.sent).toHaveLength(2);
});

test("another tab shows what one cannot send, and sends it when that one is gone", async ({ tabs }) => {
  const other = await tabs.open();
  await say(tabs.page, "left behind");
  await expect(other.locator("#messages > .pending .body")).toHaveText("left behind");
  // The other is connected as well, but it is not its turn.
  await expect.poll(() => tabs.sent.length).toBe(1);
  tabs.hear = () => true;
  await tabs.page.close();
  await expect(message(other, "left behind")).toHaveCount(1);
  await expect(unconfirmed(other)).toHaveCount(0);
  expect(new Set(tabs.sent.map(({ client_id }) => client_id)).size).toBe(1);
  expect(tabs.sent).toHaveLength(2);

  // Where somebody writes, it is that tab's turn.
  const third = await tabs.open();
  await say(third, "from here");
  await say(other, "and here");
  for (const tab of [other, third]) await expect(message(tab, "and here")).toHaveCount(1);
  expect((await bodies(other)).toSorted()).toEqual(["and here", "from here", "left behind"]);
  expect(await bodies(third)).toEqual(await bodies(other));
});

test("what is refused or discarded in one tab is so in all", async ({ tabs }) => {
  const other = await tabs.open();
  tabs.hear = ({ client_id }, socket) => {
    socket.send(JSON.stringify({ error: { code: "not_a_member", message: "No.", client_id, retry_after: null } }));
    return false;
  };
  await say(tabs.page, "refused");
  const failed = other.locator("#messages > .failed");
  await expect(failed.locator(".reason")).toHaveText("No.");
  await failed.getByRole("button", { name: "Discard" }).click();
  for (const tab of [other, tabs.page]) await expect(unconfirmed(tab)).toHaveCount(0);
  expect(await kept(other)).toEqual([]);
});

test("another account in the same browser neither sees nor sends it", async ({ tabs, person, expectComplaint }) => {
  expectComplaint(STATUS(401));
  const { page, room } = tabs;
  const { person: bob } = await person("Bob");
  await say(page, "hers");
  await expect(unconfirmed(page)).toHaveCount(1);
  tabs.sent = [];
  tabs.hear = () => true;

  // Her log-in ended without a log-out.
  await page.context().clearCookies();
  await logIn(page, bob.username);
  await page.waitForURL(/\/chat\/?$/);
  await enter(page, room);
  const his = unique("his");
  await say(page, his);
  await expect(message(page, his)).toHaveCount(1);
  expect(await page.locator("#messages .body").allTextContents()).toEqual([his]);
  // Nor does his log-out touch it, or ask.
  await page.locator(".account > summary").click();
  await page.locator("form[action='/accounts/logout'] button").click();
  await page.waitForURL((url) => !url.pathname.startsWith("/chat"));
  expect(tabs.sent.map(({ body }) => body)).toEqual([his]);

  await logIn(page, page.person.username);
  await page.waitForURL(/\/chat\/?$/);
  await enter(page, room);
  await expect(message(page, "hers")).toHaveCount(1);
  await expect(unconfirmed(page)).toHaveCount(0);
  expect(await bodies(page)).toEqual([his, "hers"]);
});

test("log-out asks when something is not sent, and then removes it", async ({ tabs }) => {
  const { page } = tabs;
  const other = await tabs.open();
  await say(page, "not sent");
  await expect(unconfirmed(other)).toHaveCount(1);
  // From a page without the room as well.
  await page.goto("/chat/");
  const logOut = async () => {
    await page.locator(".account > summary").click();
    await page.locator(".account form[action='/accounts/logout'] button").click();
  };
  const question = page.getByRole("dialog", { name: "Log out and lose what is not sent?" });
  await logOut();
  await expect(question.getByRole("button", { name: "Stay" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(question).toBeHidden();
  await expect(page.locator(".account > summary")).toBeFocused();
  expect(await kept(page)).toHaveLength(1);

  await logOut();
  await question.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/chat"));
  expect(await kept(page)).toEqual([]);
  await expect(unconfirmed(other)).toHaveCount(0);
  await expect(other.locator("#connection")).toContainText("You are signed out.");
});
