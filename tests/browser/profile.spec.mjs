// How people are shown, and what others see of them: a new name stands at once on pages that are open, and a click on a
// name opens the profile.

import { connected, enter, message, say, unique } from "./people.mjs";
import { expect, PHONE, STATUS, test } from "./test.mjs";

async function save(page, fields) {
  await page.goto("/settings/profile");
  for (const [name, value] of Object.entries(fields)) await page.locator(`[name=${name}]`).fill(value);
  await page.locator("#save-profile").click();
}

test("a new name stands at once where others see it, and beside oneself", async ({ person, newRoom }) => {
  const [room, text, name] = [await newRoom("sky"), unique("hello"), unique("Luna")];
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await enter(bob, room);
  await enter(ada, room);
  await say(ada, text);
  await expect(message(bob, text)).toBeVisible();
  const joined = bob.locator(`.event bdi`).filter({ hasText: "Ada" });
  await expect(joined).toHaveCount(1);
  const tab = await ada.context().newPage();
  await tab.goto("/chat/");
  const avatars = bob.locator("#messages .avatar").filter({ hasText: "A" });
  await expect(avatars).toHaveCount(1);

  await save(ada, { display_name: name, bio: "Watches the sky.\nEvery night." });
  await expect(ada.locator(".toast")).toContainText("Your profile is saved.");
  await expect(ada.locator("#save-profile")).toBeFocused();
  await expect(bob.locator("#messages a.author")).toHaveText(name);
  await expect(bob.locator("#messages .avatar")).toHaveText("L");
  await expect(joined).toHaveCount(0);
  for (const own of [ada, tab]) await expect(own.locator("#account")).toHaveAccessibleName(`${name}, your account`);
});

test("what is wrong stands beside its field, which has the focus", async ({ person, expectComplaint }) => {
  expectComplaint(STATUS(422));
  const ada = await person("Ada");
  await ada.goto("/settings/profile");
  await ada.locator("[name=bio]").evaluate((field) => field.removeAttribute("maxlength"));
  await ada.locator("[name=bio]").fill("x".repeat(501));
  await ada.locator("#save-profile").click();
  await expect(ada.locator("#field-bio-error")).toHaveText("Use at most 500 characters.");
  await expect(ada.locator("[name=bio]")).toHaveValue("x".repeat(501));
});

test("a click on a name or on the picture beside it opens the profile as a card", async ({ person, newRoom }) => {
  const [room, text] = [await newRoom("sky"), unique("hello")];
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await save(ada, { bio: "Watches the sky." });
  await enter(bob, room);
  await enter(ada, room);
  await say(ada, text);
  const name = bob.locator("#messages a.author");
  await name.click();
  const card = bob.getByRole("dialog");
  await expect(card).toContainText("Watches the sky.");
  await expect(card).toContainText(`@${ada.person.username}`);
  await bob.keyboard.press("Escape");
  await expect(card).toBeHidden();
  await expect(name).toBeFocused();
  await bob.locator("#messages .avatar").click({ force: true });
  await expect(card).toBeVisible();
  await card.getByRole("button", { name: "Close" }).click();
  await expect(card).toBeHidden();
  await connected(bob);
});

test("on a phone and without script it is a page", async ({ person, newRoom }) => {
  const [room, text] = [await newRoom("sky"), unique("hello")];
  const [ada, bob] = [await person("Ada"), await person("Bob", PHONE)];
  await enter(ada, room);
  await say(ada, text);
  await expect(message(ada, text)).toBeVisible();
  await enter(bob, room);
  await bob.locator("#messages a.author").tap();
  await expect(bob).toHaveURL(new RegExp(`/@${ada.person.username}$`));
  await expect(bob.getByRole("heading", { name: "Ada" })).toBeVisible();
});
