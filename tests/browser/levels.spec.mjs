// What of a room one is told of, and what one can do with a message.

import { enter, message, say, unique } from "./people.mjs";
import { accessible, expect, test } from "./test.mjs";

const row = (page, room) => page.locator("#public-rooms > li", { hasText: room }).getByRole("link");

test("a muted room shows no count, on no page", async ({ person, newRoom }) => {
  const room = await newRoom("sky");
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await enter(ada, room);
  await enter(bob, room);
  const tab = await bob.context().newPage();
  await tab.goto("/friends");
  await bob.getByLabel("Room menu").click();
  await bob.getByRole("button", { name: "Nothing (muted)" }).click();
  await expect(bob.getByRole("button", { name: "Nothing (muted)" })).toHaveAttribute("aria-pressed", "true");
  for (const page of [bob, tab]) await expect(row(page, room)).toHaveAccessibleName(/ muted$/);
  await accessible(bob, "the room menu");
  await bob.goto("/chat/");
  await say(ada, unique("nobody hears"));
  await bob.goto(`/chat/room/${room}`);
  await bob.getByLabel("Room menu").click();
  await bob.getByRole("button", { name: "All messages" }).click();
  for (const page of [bob, tab]) await expect(row(page, room)).not.toHaveAccessibleName(/ muted$/);
});

test("a message is marked as unread by the keyboard alone", async ({ person, newRoom }) => {
  const room = await newRoom("sky");
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await enter(ada, room);
  await enter(bob, room);
  const texts = [1, 2, 3].map((n) => unique(`hello ${n}`));
  for (const text of texts) await say(ada, text);
  await expect(message(bob, texts[2])).toBeVisible();
  // From the composer back: the menu stands in the newest message, and the arrows take it up.
  await bob.locator("#composer textarea").focus();
  const opener = bob.getByLabel("What to do with this message");
  for (let n = 0; n < 5 && !(await opener.evaluate((one) => one === document.activeElement)); n += 1) {
    await bob.keyboard.press("Shift+Tab");
  }
  await expect(opener).toBeFocused();
  await expect(bob.locator("#messages > .message", { hasText: texts[2] }).locator("details")).toHaveCount(1);
  await bob.keyboard.press("ArrowUp");
  await expect(bob.locator("#messages > .message", { hasText: texts[1] }).locator("details")).toHaveCount(1);
  await bob.keyboard.press("Enter");
  await expect(bob.getByRole("button", { name: "Mark as unread from here" })).toBeVisible();
  await accessible(bob, "the menu of a message");
  const unread = bob.getByRole("button", { name: "Mark as unread from here" });
  for (let n = 0; n < 15 && !(await unread.evaluate((one) => one === document.activeElement)); n += 1) {
    await bob.keyboard.press("Tab");
  }
  await expect(unread).toBeFocused();
  await bob.keyboard.press("Enter");
  await bob.waitForURL(/\/chat\/$/);
  await expect(row(bob, room)).toHaveAccessibleName(/ 2 unread$/);
  await row(bob, room).click();
  await expect(bob.locator("#unread-line")).toHaveText("2 new messages");
});
