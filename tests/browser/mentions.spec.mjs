// Naming people: those in the room are offered, and whoever is named sees it.

import { befriend, connected, enter, message, post, say, unique } from "./people.mjs";
import { accessible, expect, fits, PHONE, test } from "./test.mjs";

const item = (page, text) => page.locator("#messages > .message", { has: page.locator(".body", { hasText: text }) });

for (const [look, options] of [
  ["night", { colorScheme: "dark" }],
  ["dawn, phone", { ...PHONE, colorScheme: "light" }],
]) {
  test(`who is named is offered while one writes, and sees the message marked (${look})`, async ({ person, newRoom }) => {
    const room = await newRoom("sky");
    const [ada, bob] = [await person("Ada", options), await person("Bob", options)];
    for (const page of [ada, bob]) await enter(page, room);
    const { username } = bob.person;
    const text = ada.locator("#composer-body");
    await text.pressSequentially("who comes, @bo");
    const offered = ada.getByRole("listbox", { name: "People to name" });
    await expect(offered.getByRole("option", { name: username })).toHaveAttribute("aria-selected", "true");
    await accessible(ada, "people to name");
    await fits(ada, "people to name");
    await text.press("Enter");
    await expect(text).toHaveValue(`who comes, @${username} `);
    await expect(offered).toBeHidden();
    const question = unique("?");
    await text.pressSequentially(question);
    await text.press("Control+Enter");
    const link = item(bob, question).getByRole("link", { name: `@${username}` });
    await expect(link).toBeVisible();
    await expect(item(ada, question).getByRole("link", { name: `@${username}` })).toBeVisible();
    const bar = (page) => item(page, question).evaluate((one) => getComputedStyle(one, "::before").borderInlineStartWidth);
    expect(await bar(bob)).toBe("2px");
    await accessible(bob, "a message that names me");
    await fits(bob, "a message that names me");

    // Given up, what was typed stays; and nothing is offered within a word.
    await text.pressSequentially("mail bob@bo");
    await expect(offered).toBeHidden();
    await text.pressSequentially(" or @b");
    await expect(offered).toBeVisible();
    await text.press("Escape");
    await expect(offered).toBeHidden();
    await expect(text).toHaveValue("mail bob@bo or @b");
    await text.fill(`@${username}`);
    await expect(offered).toBeVisible();
    await text.press("Enter");
    await expect(message(bob, `@${username}`).last()).toBeVisible();
    await text.fill("@");
    await offered.getByRole("option", { name: username }).click();
    await expect(text).toHaveValue(`@${username} `);
    await expect(text).toBeFocused();
  });
}

test("whoever is named elsewhere has a badge of their own", async ({ person, newRoom }) => {
  const room = await newRoom("sky");
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  for (const page of [ada, bob]) await enter(page, room);
  await bob.goto("/chat/");
  await say(ada, `hello @${bob.person.username}`);
  await expect(bob.getByRole("link", { name: new RegExp(room) })).toContainText("@ 1");
  await say(ada, "and hello");
  await enter(bob, room);
  await expect(message(bob, "and hello")).toBeVisible();
  await bob.goto("/chat/");
  await expect(bob.getByRole("link", { name: new RegExp(room) })).not.toContainText("@ 1");
});

for (const [look, options] of [
  ["night", { colorScheme: "dark" }],
  ["dawn, phone", { ...PHONE, colorScheme: "light" }],
]) {
  test(`who owns a room calls everybody in it (${look})`, async ({ person }) => {
    const [ada, bob, title] = [await person("Ada", options), await person("Bob", options), unique("watch")];
    await befriend(ada, bob);
    await post(ada.context(), "/chat/rooms", "/chat/rooms", { title, kind: "group", members: bob.person.username });
    const row = (page) => page.locator("#my-rooms").getByRole("link", { name: title });
    for (const page of [ada, bob]) await page.goto("/chat/");
    await row(ada).click();
    await connected(ada);

    const text = ada.locator("#composer-body");
    const offered = ada.getByRole("listbox", { name: "People to name" });
    const everybody = offered.getByRole("option", { name: "Everybody in this room @room" });
    await text.pressSequentially("tea, @");
    await expect(offered.getByRole("option").first()).toContainText(`@${bob.person.username}`);
    await expect(everybody).toHaveAttribute("aria-selected", "false");
    await accessible(ada, "everybody to name");
    await fits(ada, "everybody to name");
    await text.press("ArrowUp");
    await expect(everybody).toHaveAttribute("aria-selected", "true");
    await expect(text).toHaveAttribute("aria-activedescendant", await everybody.getAttribute("id"));
    await text.press("Enter");
    await expect(text).toHaveValue("tea, @room ");
    await text.pressSequentially("now");
    await text.press("Control+Enter");
    const call = (page) => item(page, "tea, @room now").locator("[data-mention=room]");
    await expect(call(ada)).toHaveText("@room");
    await expect(row(bob)).toContainText("@ 1");

    await row(bob).click();
    await connected(bob);
    await expect(call(bob)).toHaveText("@room");
    const bar = (page) => item(page, "tea, @room now").evaluate((one) => getComputedStyle(one, "::before").borderInlineStartWidth);
    expect(await bar(bob)).toBe("2px");
    await accessible(bob, "a message that calls everybody");
    await fits(bob, "a message that calls everybody");

    // It is nothing for a member: not offered, and text when typed.
    await bob.locator("#composer-body").pressSequentially("@roo");
    await bob.locator("#composer-body").pressSequentially("m");
    await expect(bob.getByRole("option")).toHaveCount(0);
    await bob.locator("#composer-body").press("Control+Enter");
    await expect(message(ada, "@room").last()).toBeVisible();
    await expect(message(ada, "@room").last().locator("[data-mention]")).toHaveCount(0);

    // Typed in full, Enter sends it.
    await text.pressSequentially("@room");
    await expect(everybody).toHaveAttribute("aria-selected", "true");
    await text.press("Enter");
    await expect(bob.locator("[data-mention=room]")).toHaveCount(2);
  });
}
