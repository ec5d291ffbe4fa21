// Changing and deleting what was written, live for everybody in the room.

import { enter, message, say, unique } from "./people.mjs";
import { accessible, expect, fits, PHONE, STATUS, test } from "./test.mjs";

const item = (page, text) => page.locator("#messages > .message", { hasText: text });
const editor = (page) => page.getByRole("textbox", { name: "Your message" });

/** Opens the menu of that message, by its keyboard. */
async function openMenu(page, text) {
  await item(page, text).hover();
  await page.getByLabel("What to do with this message").focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Mark as unread from here" })).toBeVisible();
}

for (const [look, options] of [
  ["night", { colorScheme: "dark" }],
  ["dawn, phone", { ...PHONE, colorScheme: "light" }],
]) {
  test(`what one changes and deletes is so for the others at once (${look})`, async ({ person, newRoom }) => {
    const room = await newRoom("sky");
    const [ada, bob] = [await person("Ada", options), await person("Bob", options)];
    for (const page of [ada, bob]) await enter(page, room);
    const [first, second] = [unique("the mooon"), unique("gone soon")];
    await say(ada, first);
    await say(ada, second);
    await expect(message(bob, second)).toBeVisible();

    // What is in the composer stays in it meanwhile.
    const composer = ada.locator("#composer-body");
    await composer.fill("half a thought");
    await openMenu(ada, first);
    await ada.getByRole("link", { name: "Edit" }).click();
    await expect(editor(ada)).toBeFocused();
    await expect(editor(ada)).toHaveValue(first);
    await expect(composer).toBeHidden();
    await accessible(ada, "editing");
    await fits(ada, "editing");
    const changed = unique("the moon");
    await editor(ada).fill(changed);
    await ada.getByRole("button", { name: "Save" }).click();
    await expect(composer).toBeFocused();
    await expect(composer).toHaveValue("half a thought");
    for (const page of [ada, bob]) {
      await expect(item(page, changed).locator(".edited")).toBeVisible();
      await expect(item(page, first)).toHaveCount(0);
      await expect(page.locator("#messages > .message")).toHaveCount(2);
    }

    await openMenu(ada, second);
    await ada.getByRole("link", { name: "Delete" }).click();
    const question = ada.getByRole("dialog", { name: "Delete this message?" });
    await expect(question).toContainText(second);
    await accessible(ada, "the question");
    await question.getByRole("button", { name: "Delete" }).click();
    for (const page of [ada, bob]) {
      await expect(item(page, "Message deleted")).toHaveCount(1);
      await expect(item(page, second)).toHaveCount(0);
    }
    await bob.reload();
    await expect(item(bob, changed)).toBeVisible();
    await expect(item(bob, "Message deleted")).toBeVisible();

    // Nothing to change in what is deleted, and nobody changes what others wrote.
    await openMenu(ada, "Message deleted");
    await expect(ada.getByRole("link", { name: "Edit" })).toHaveCount(0);
    await openMenu(bob, changed);
    await expect(bob.getByRole("link", { name: /Edit|Delete/ })).toHaveCount(0);
  });
}

test("the arrow up changes the last message, Escape gives it up, and what is refused is kept", async ({ person, newRoom, expectComplaint }) => {
  expectComplaint(STATUS(422));
  expectComplaint(STATUS(409));
  const room = await newRoom("sky");
  const ada = await person("Ada");
  await enter(ada, room);
  const text = unique("hello");
  await say(ada, text);
  await expect(item(ada, text)).toHaveAttribute("data-seq", "1");
  const composer = ada.locator("#composer-body");
  await composer.press("ArrowUp");
  await expect(editor(ada)).toHaveValue(text);
  await editor(ada).press("Escape");
  await expect(composer).toBeFocused();
  await composer.press("ArrowUp");
  await editor(ada).fill(" ");
  await editor(ada).press("Enter");
  await expect(ada.locator("#editor-error")).toHaveText("Write something first.");

  // Another tab was faster.
  const tab = await ada.context().newPage();
  await tab.goto(`/chat/room/${room}`);
  await tab.locator("#composer-body").press("ArrowUp");
  const [faster, slower] = [unique("faster"), unique("slower")];
  await editor(tab).fill(faster);
  await editor(tab).press("Enter");
  await expect(item(ada, faster)).toBeVisible();
  await editor(ada).fill(slower);
  await editor(ada).press("Enter");
  await expect(ada.locator("#editor-error")).toContainText(faster);
  await expect(editor(ada)).toHaveValue(slower);
  await editor(ada).press("Enter");
  for (const page of [ada, tab]) await expect(item(page, slower)).toBeVisible();
});
