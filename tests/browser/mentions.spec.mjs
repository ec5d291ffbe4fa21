// Naming people: those in the room are offered, and whoever is named sees it.

import { enter, message, say, unique } from "./people.mjs";
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
