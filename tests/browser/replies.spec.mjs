// Answering messages: what is quoted, and that it follows what it quotes.

import { befriend, connected, enter, message, post, say, unique } from "./people.mjs";
import { accessible, expect, fits, LOST_CONNECTION, PHONE, test } from "./test.mjs";

const item = (page, text) => page.locator("#messages > .message", { has: page.locator(".body", { hasText: text }) });
const quote = (page, text) => item(page, text).locator(".quote");

async function reply(page, text) {
  await item(page, text).hover();
  await page.getByLabel("What to do with this message").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Reply" }).click();
  await expect(page.locator("#answered")).toContainText(text);
  await expect(page.locator("#composer-body")).toBeFocused();
}

for (const [look, options] of [
  ["night", { colorScheme: "dark" }],
  ["dawn, phone", { ...PHONE, colorScheme: "light" }],
]) {
  test(`an answer quotes what it answers, and follows it (${look})`, async ({ person, newRoom }) => {
    const room = await newRoom("sky");
    const [ada, bob] = [await person("Ada", options), await person("Bob", options)];
    for (const page of [ada, bob]) await enter(page, room);
    const [asked, answered] = [unique("who brings the telescope?"), unique("I do")];
    await say(ada, asked);
    await expect(message(bob, asked)).toBeVisible();
    await reply(bob, asked);
    await accessible(bob, "answering");
    await fits(bob, "answering");
    await say(bob, answered);
    await expect(bob.locator("#answered")).toHaveCount(0);
    for (const page of [ada, bob]) await expect(quote(page, answered)).toContainText(`Ada${asked}`);
    await quote(ada, answered).click();
    await expect(ada).toHaveURL(/#m-1$/);

    // Given up, nothing is answered.
    await reply(ada, answered);
    await ada.keyboard.press("Escape");
    await expect(ada.locator("#answered")).toHaveCount(0);

    const changed = unique("who brings the binoculars?");
    await ada.evaluate(
      ([address]) => window.htmx.ajax("GET", address, { target: "#editing", swap: "innerHTML" }),
      [`/chat/room/${room}/messages/1/edit`],
    );
    await ada.getByRole("textbox", { name: "Your message" }).fill(changed);
    await ada.keyboard.press("Control+Enter");
    for (const page of [ada, bob]) await expect(quote(page, answered)).toContainText(`Ada${changed}`);
    await bob.reload();
    await expect(quote(bob, answered)).toContainText(`Ada${changed}`);
  });
}

test("what is answered offline is still answered later, and survives a reload", async ({ person, newRoom, expectComplaint }) => {
  expectComplaint(LOST_CONNECTION);
  const room = await newRoom("sky");
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  for (const page of [ada, bob]) await enter(page, room);
  const [asked, answered] = [unique("hello?"), unique("here")];
  await say(ada, asked);
  await expect(message(bob, asked)).toBeVisible();
  await reply(bob, asked);
  await bob.reload();
  await expect(bob.locator("#answered")).toContainText(asked);
  await bob.locator("#composer-body").fill(answered);
  await bob.context().setOffline(true);
  await bob.keyboard.press("Enter");
  await expect(bob.locator(".message.pending .quote")).toContainText(asked);
  await bob.context().setOffline(false);
  for (const page of [ada, bob]) await expect(quote(page, answered)).toContainText(`Ada${asked}`);
  await expect(item(ada, answered)).toHaveCount(1);
});

test("a quote that one sees stays where the message is drawn anew for somebody who may not see it", async ({ person }) => {
  const [ada, bob, cleo] = [await person("Ada"), await person("Bob"), await person("Cleo")];
  for (const page of [bob, cleo]) await befriend(ada, page);
  const title = unique("watch");
  await post(ada.context(), "/chat/rooms", "/chat/rooms", { title, kind: "group", members: bob.person.username });
  for (const page of [ada, bob]) {
    await page.goto("/chat/");
    await page.getByRole("link", { name: title }).click();
    await connected(page);
  }
  const [asked, answered] = [unique("before Cleo"), unique("as I said")];
  await say(ada, asked);
  await expect(message(bob, asked)).toBeVisible();
  await reply(bob, asked);
  await say(bob, answered);
  await expect(quote(ada, answered)).toContainText(asked);
  const { pathname } = new URL(ada.url());
  await post(ada.context(), `${pathname}/members`, `${pathname}/members`, { username: cleo.person.username });
  await expect(bob.locator("#messages")).toContainText("Cleo");
  await post(ada.context(), pathname, `${pathname}/messages/2/reactions`, { emoji: "👍" });
  for (const page of [ada, bob]) {
    await expect(item(page, answered).locator(".reaction")).toBeVisible();
    await expect(quote(page, answered)).toContainText(asked);
  }
});
