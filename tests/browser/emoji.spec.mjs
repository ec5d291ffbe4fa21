// Emoji for the text: chosen from the composer's button, put where the cursor is.

import { composer, enter, message, unique } from "./people.mjs";
import { accessible, expect, fits, PHONE, test } from "./test.mjs";

const opener = (page) => page.getByRole("button", { name: "Add an emoji" });

async function openPicker(page) {
  await opener(page).click();
  await expect(page.getByRole("dialog").getByRole("button", { name: "🦊" }).first()).toBeVisible();
}

for (const [look, options] of [
  ["night", { colorScheme: "dark" }],
  ["dawn, phone", { ...PHONE, colorScheme: "light" }],
]) {
  test(`an emoji is put where the cursor of the text is (${look})`, async ({ person, newRoom }) => {
    const room = await newRoom("sky");
    const [ada, bob] = [await person("Ada", options), await person("Bob", options)];
    for (const page of [ada, bob]) await enter(page, room);
    const [text, dialog] = [composer(ada), ada.getByRole("dialog")];
    await fits(ada, "the composer");
    const word = unique("moon");
    await text.fill(`the  ${word}`);
    await text.evaluate((field) => field.setSelectionRange(4, 4));
    await openPicker(ada);
    await accessible(ada, "all emoji for the text");
    await fits(ada, "all emoji for the text");
    await dialog.getByRole("searchbox", { name: "Search emoji" }).fill("waving hand");
    await dialog.getByRole("combobox", { name: "Skin" }).selectOption("Medium skin");
    await dialog.getByRole("button", { name: "👋🏽" }).click();
    await expect(dialog).toBeHidden();
    await expect(text).toBeFocused();
    await expect(text).toHaveValue(`the 👋🏽 ${word}`);
    await ada.keyboard.type("!");
    await expect(text).toHaveValue(`the 👋🏽! ${word}`);

    // Again, among the last, in the place of what is selected.
    await text.evaluate((field) => field.setSelectionRange(0, 3));
    await openPicker(ada);
    await dialog.locator("[data-recent] button").click();
    await expect(text).toHaveValue(`👋🏽 👋🏽! ${word}`);
    await text.press("Control+Enter");
    await expect(message(bob, `👋🏽 👋🏽! ${word}`)).toBeVisible();
  });
}

test("by keyboard an emoji is chosen, given up and undone; the draft and the counter know of it", async ({ person, newRoom }) => {
  const room = await newRoom("sky");
  const ada = await person("Ada");
  await enter(ada, room);
  const [text, dialog] = [composer(ada), ada.getByRole("dialog")];
  await opener(ada).focus();
  await ada.keyboard.press("Enter");
  await expect(dialog.getByRole("searchbox", { name: "Search emoji" })).toBeFocused();
  await ada.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(opener(ada)).toBeFocused();
  await expect(text).toHaveValue("");

  await ada.keyboard.press("Enter");
  await expect(dialog.getByRole("button", { name: "🦊" })).toBeVisible();
  await ada.keyboard.type("fox");
  await expect(dialog.getByRole("button", { name: "🐶" })).toBeHidden();
  await dialog.getByRole("button", { name: "🦊" }).focus();
  await ada.keyboard.press("Enter");
  await expect(text).toBeFocused();
  await expect(text).toHaveValue("🦊");
  await expect(ada.locator("#composer")).toHaveClass(/has-text/);
  await ada.reload();
  await expect(text).toHaveValue("🦊");

  await text.fill("x".repeat(4_000));
  await openPicker(ada);
  await dialog.getByRole("button", { name: "🦊" }).first().click();
  await expect(ada.locator("#composer .counter")).toHaveText("1 too many");
  await ada.keyboard.press("Control+z");
  await expect(text).toHaveValue("x".repeat(4_000));
});

test("without script nothing offers emoji for the text", async ({ person, newRoom }) => {
  const room = await newRoom("sky");
  const ada = await person("Ada", { javaScriptEnabled: false });
  await ada.goto(`/chat/room/${room}`);
  await ada.getByRole("button", { name: "Join" }).first().click();
  await expect(composer(ada)).toBeVisible();
  await expect(opener(ada)).toHaveCount(0);
});
