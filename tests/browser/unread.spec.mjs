// What waits: badges that are the same on every page of a person, the line before what is new, and ticks in a direct chat.

import { befriend, enter, message, say, unique } from "./people.mjs";
import { expect, test } from "./test.mjs";

const row = (page, room) => page.locator("#public-rooms > li", { hasText: room }).getByRole("link");

test("what is written elsewhere waits in the side bar, and is read on all pages at once", async ({ person, newRoom }) => {
  const room = await newRoom("sky");
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await enter(bob, room);
  const tab = await bob.context().newPage();
  await tab.goto("/friends");
  await bob.goto("/chat/");
  await enter(ada, room);
  for (const n of [1, 2, 3]) {
    await say(ada, unique(`hello ${n}`));
    for (const page of [bob, tab]) await expect(row(page, room)).toHaveAccessibleName(new RegExp(` ${n} unread`));
  }
  await tab.bringToFront();
  await bob.goto(`/chat/room/${room}`);
  await expect(bob.locator("#unread-line")).toHaveText("3 new messages");
  await bob.bringToFront();
  for (const page of [bob, tab]) await expect(row(page, room)).not.toHaveAccessibleName(/unread/);
  await say(ada, unique("while he looks"));
  await expect(tab.locator("#public-rooms .badge")).toHaveCount(0);
});

test("a page that nobody looks at reads nothing", async ({ person, newRoom }) => {
  const room = await newRoom("sky");
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await enter(bob, room);
  const tab = await bob.context().newPage();
  await tab.goto("/chat/");
  // Headless pages always have the focus: this one says that it has none.
  await bob.evaluate(() => (document.hasFocus = () => false));
  await enter(ada, room);
  const text = unique("hello");
  await say(ada, text);
  await expect(message(bob, text)).toBeVisible();
  await expect(row(tab, room)).toHaveAccessibleName(/ 1 unread/);
  await expect(row(bob, room)).toHaveAccessibleName(/ 1 unread/);
  await bob.evaluate(() => {
    document.hasFocus = () => true;
    window.dispatchEvent(new Event("focus"));
  });
  for (const page of [bob, tab]) await expect(row(page, room)).not.toHaveAccessibleName(/unread/);
});

test("in a direct chat one sees that the other has read", async ({ person }) => {
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await befriend(ada, bob);
  await ada.goto("/friends");
  await ada.getByRole("button", { name: "Message Bob" }).click();
  await expect(ada.getByRole("heading", { name: "Bob" })).toBeVisible();
  const text = unique("have you seen this?");
  await say(ada, text);
  const item = ada.locator("#messages > .message", { hasText: text });
  await expect(item).toHaveCount(1);
  await expect(item).not.toHaveClass(/read/);
  await bob.goto("/chat/");
  await bob.locator("#my-rooms").getByRole("link", { name: /Ada 1 unread/ }).click();
  await expect(message(bob, text)).toBeVisible();
  await expect(item).toHaveClass(/read/);
});

test("what is written while a page loads stands at the end, below the line of what is new", async ({ person, newRoom }) => {
  const room = await newRoom("sky");
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  for (const page of [ada, bob]) await enter(page, room);
  await bob.goto("/chat/");
  const texts = [1, 2, 3].map((n) => unique(`hello ${n}`));
  for (const text of texts.slice(0, 2)) {
    await say(ada, text);
    await expect(message(ada, text)).toBeVisible();
  }
  let connect;
  const isWritten = new Promise((done) => (connect = done));
  await bob.routeWebSocket(/\/ws\/chatroom\//, async (socket) => {
    await isWritten;
    socket.connectToServer();
  });
  await bob.goto(`/chat/room/${room}`);
  await expect(bob.locator("#unread-line")).toBeVisible();
  await say(ada, texts[2]);
  await expect(message(ada, texts[2])).toBeVisible();
  connect();
  await expect(message(bob, texts[2])).toBeVisible();
  const places = await bob.locator("#messages > li").evaluateAll((items) => items.map(({ id }) => id));
  expect(places.filter((id) => id.startsWith("m-") || id === "unread-line")).toEqual(["unread-line", "m-1", "m-2", "m-3"]);
});
