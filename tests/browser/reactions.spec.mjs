// Reacting to messages: from the menu, among all emoji, and by pressing what others gave.

import { enter, message, say, unique } from "./people.mjs";
import { accessible, expect, fits, PHONE, test } from "./test.mjs";

const item = (page, text) => page.locator("#messages > .message", { has: page.locator(".body", { hasText: text }) });
const reaction = (page, text, name) => item(page, text).getByRole("button", { name });

async function openMenu(page, text) {
  await item(page, text).hover();
  await page.getByLabel("What to do with this message").focus();
  await page.keyboard.press("Enter");
}

async function openPicker(page, text) {
  await openMenu(page, text);
  await page.getByRole("link", { name: "Other reactions" }).click();
  await expect(page.getByRole("dialog").getByRole("button", { name: "🦊" })).toBeVisible();
}

for (const [look, options] of [
  ["night", { colorScheme: "dark" }],
  ["dawn, phone", { ...PHONE, colorScheme: "light" }],
]) {
  test(`a reaction shows to everybody and is given and taken back by pressing it (${look})`, async ({ person, newRoom }) => {
    const room = await newRoom("sky");
    const [ada, bob] = [await person("Ada", options), await person("Bob", options)];
    for (const page of [ada, bob]) await enter(page, room);
    const text = unique("the moon rises");
    await say(ada, text);
    await expect(message(bob, text)).toBeVisible();
    await openMenu(bob, text);
await accessible(bob, "the menu of a message");
    await fits(bob, "the menu of a message");
    await bob.getByRole("button", { name: "thumbs up" }).click();
    await expect(reaction(ada, text, "thumbs up, 1")).toHaveAttribute("aria-pressed", "false");
    await expect(reaction(bob, text, "thumbs up, 1")).toHaveAttribute("aria-pressed", "true");
    const border = (page) => reaction(page, text, /^thumbs up/).evaluate((button) => getComputedStyle(button).borderColor);
    expect(await border(ada)).not.toBe(await border(bob));

    // By keyboard, and the focus stays there.
    await reaction(ada, text, "thumbs up, 1").focus();
    await ada.keyboard.press("Enter");
    await expect(reaction(bob, text, "thumbs up, 2")).toBeVisible();
    await expect(reaction(ada, text, "thumbs up, 2")).toBeFocused();
await accessible(ada, "reactions");
    await fits(ada, "reactions");
    await ada.keyboard.press("Enter");
    await expect(reaction(bob, text, "thumbs up, 1")).toBeVisible();

    await openMenu(ada, text);
    await ada.getByRole("link", { name: "Who reacts" }).click();
    await expect(ada.getByRole("dialog")).toContainText(bob.person.username);
await accessible(ada, "who reacts");
    await ada.getByRole("link", { name: "Close" }).click();
    await bob.reload();
    await expect(reaction(bob, text, "thumbs up, 1")).toHaveAttribute("aria-pressed", "true");
  });

  test(`among all emoji one is found by its name, with a skin, and again among the last (${look})`, async ({ person, newRoom }) => {
    const room = await newRoom("sky");
    const ada = await person("Ada", options);
    await enter(ada, room);
    const text = unique("hello");
    await say(ada, text);
    await openPicker(ada, text);
    const dialog = ada.getByRole("dialog");
await accessible(ada, "all emoji");
    await fits(ada, "all emoji");
    await dialog.getByRole("searchbox", { name: "Search emoji" }).fill("no such thing");
    await expect(dialog.getByText("No emoji has such a name.")).toBeVisible();
    await dialog.getByRole("searchbox", { name: "Search emoji" }).fill("waving hand");
    await expect(dialog.getByRole("button", { name: "🦊" })).toBeHidden();
    await dialog.getByRole("combobox", { name: "Skin" }).selectOption("Medium skin");
    await dialog.getByRole("button", { name: "👋🏽" }).click();
    await expect(dialog).toBeHidden();
    await expect(reaction(ada, text, /^waving hand.*, 1$/)).toContainText("👋🏽");
    await openPicker(ada, text);
    await expect(dialog.locator("[data-recent] button")).toHaveText(["👋🏽"]);
    await dialog.locator("[data-recent] button").click();
    await expect(item(ada, text).locator(".reaction")).toHaveCount(0);
  });
}

test("without script a reaction is chosen on a page, and pressed", async ({ person, newRoom }) => {
  const room = await newRoom("sky");
  const ada = await person("Ada", { javaScriptEnabled: false });
  await ada.goto(`/chat/room/${room}`);
  await ada.getByRole("button", { name: "Join" }).first().click();
  const text = unique("the moon rises");
  await ada.locator("#composer-body").fill(text);
  await ada.getByRole("button", { name: "Send" }).click();
  await item(ada, text).locator("a.at").click();
  await ada.getByRole("link", { name: "Other reactions" }).click();
  await ada.getByRole("button", { name: "🦊" }).click();
  await expect(reaction(ada, text, "fox, 1")).toBeVisible();
  await reaction(ada, text, "fox, 1").click();
  await expect(item(ada, text).locator(".reaction")).toHaveCount(0);
});
