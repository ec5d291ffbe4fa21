// The quick switcher: by keys alone, in both themes, on a phone, and what a screen reader is told of it.

import { befriend, composer, enter, post, unique } from "./people.mjs";
import { accessible, expect, fits, LOST_CONNECTION, PHONE, test } from "./test.mjs";

const field = (page) => page.getByRole("combobox", { name: "Jump to a room or a person" });
const options = (page) => page.locator("#switched").getByRole("option");
const chosen = (page) => page.locator("#switched [aria-selected=true]");

/** Opens it by its keys, once the page's script is there. */
async function shortcut(page) {
  await page.waitForLoadState();
  await page.keyboard.press("Control+k");
}

/** Somebody with two rooms of their own and a friend, in a public room. */
async function cast(person, newRoom, look = {}) {
  const [ada, bob] = [await person("Ada", look), await person("Bob")];
  await befriend(ada, bob);
  const titles = [unique("Geminids"), unique("Gemstones")];
  for (const title of titles) await post(ada.context(), "/chat/rooms", "/chat/rooms", { title, kind: "group" });
  const room = await newRoom("switch");
  await enter(ada, room);
  return { ada, bob, titles, room };
}

test("rooms and people are reached by keys alone", async ({ person, newRoom }) => {
  const { ada, bob, titles, room } = await cast(person, newRoom);
  await composer(ada).fill("half a sentence");
  await shortcut(ada);
  await expect(field(ada)).toBeFocused();
  await expect(chosen(ada)).toHaveText(room);
  await expect(field(ada)).toHaveAttribute("aria-activedescendant", "switch-0");

  // Away again: the focus is where it was, and nothing is lost.
  await ada.keyboard.press("Escape");
  await expect(composer(ada)).toBeFocused();
  await expect(composer(ada)).toHaveValue("half a sentence");

  // Up and down, round the ends, to the first and to the last.
  await shortcut(ada);
  await ada.keyboard.type("gem");
  await expect(options(ada)).toHaveCount(3);
  await expect(ada.locator("#switch-count")).toHaveText("2 results");
  await expect(options(ada).last()).toHaveText("Join or create the room “gem”");
  const first = await chosen(ada).textContent();
  await ada.keyboard.press("ArrowDown");
  await expect(chosen(ada)).not.toHaveText(first);
  await ada.keyboard.press("ArrowDown");
  await expect(chosen(ada)).toHaveText("Join or create the room “gem”");
  await ada.keyboard.press("ArrowDown");
  await expect(chosen(ada)).toHaveText(first);
  await ada.keyboard.press("ArrowUp");
  await expect(chosen(ada)).toHaveText("Join or create the room “gem”");
  await ada.keyboard.press("Home");
  await expect(chosen(ada)).toHaveText(first);
  await ada.keyboard.press("End");
  await expect(chosen(ada)).toHaveText("Join or create the room “gem”");
  await expect(field(ada)).toBeFocused();

  // A letter or two and Enter, as fast as one types: not what stood there before.
  await field(ada).fill(titles[0].slice(-6));
  await ada.keyboard.press("Enter");
  await expect(ada.getByRole("heading", { name: titles[0] })).toBeVisible();

  await shortcut(ada);
  await ada.keyboard.type(`@${bob.person.username}`);
  await ada.keyboard.press("Enter");
  await expect(ada).toHaveURL(new RegExp(`/@${bob.person.username}$`));

  // From a page that is no room, and to the direct chat once there is one.
  await post(ada.context(), "/chat/", `/chat/with/${bob.person.username}`, {});
  await ada.goto("/friends");
  await shortcut(ada);
  await ada.keyboard.type(bob.person.username);
  await ada.keyboard.press("Enter");
  await expect(ada.locator("#room")).toBeVisible();
  await expect(ada.getByRole("heading", { name: "Bob" })).toBeVisible();

  // What is not there can be made.
  await shortcut(ada);
  const made = unique("new");
  await ada.keyboard.type(made);
  await ada.keyboard.press("End");
  await ada.keyboard.press("Enter");
  await expect(ada).toHaveURL(/\/chat\/open$/);
  await expect(ada.locator("#field-title")).toHaveValue(made);

  // A public room of that name is joined.
  await shortcut(ada);
  await ada.keyboard.type(room);
  await ada.keyboard.press("Enter");
  await expect(ada).toHaveURL(new RegExp(`/chat/room/${room}$`));
});

test("the row in the side bar opens it, and it says when the server is away", async ({ person, newRoom, expectComplaint }) => {
  expectComplaint(LOST_CONNECTION);
  expectComplaint(/htmx:error/);
  const { ada, titles } = await cast(person, newRoom);
  const row = ada.getByRole("link", { name: "Jump to…" });
  await row.focus();
  await ada.keyboard.press("Enter");
  await expect(field(ada)).toBeFocused();
  await options(ada).filter({ hasText: titles[0] }).hover();
  await ada.keyboard.press("Escape");
  await expect(row).toBeFocused();
  await row.click();
  await ada.getByRole("button", { name: "Close" }).click();
  await expect(row).toBeFocused();
  await ada.context().setOffline(true);
  await row.click();
  await expect(ada.locator("#switch-count")).toHaveText("The server did not answer. Type again.");
  await ada.context().setOffline(false);
  await ada.keyboard.type("gem");
  await expect(options(ada)).toHaveCount(3);
  await options(ada).filter({ hasText: titles[0] }).click();
  await expect(ada.getByRole("heading", { name: titles[0] })).toBeVisible();
});

for (const [look, scheme] of [["night", { colorScheme: "dark" }], ["dawn", { colorScheme: "light" }]]) {
  for (const [screen, size] of [["desk", {}], ["phone", PHONE]]) {
    test(`its look (${look}, ${screen})`, async ({ person, newRoom }) => {
      const { ada } = await cast(person, newRoom, { ...scheme, ...size });
      await ada.goto("/chat/");
      await fits(ada, "chat home");
      await ada.getByRole("link", { name: "Jump to…" }).click();
      await expect(options(ada).first()).toBeVisible();
      await accessible(ada, `switcher (${look}, ${screen})`);
      await ada.keyboard.type("ge");
      await expect(ada.locator("#switched mark").first()).toBeVisible();
      await fits(ada, "switcher");
      await accessible(ada, `found (${look}, ${screen})`);
      if (process.env.SHOTS) await ada.screenshot({ path: `${process.env.SHOTS}/${look}-${screen}.png` });
      await ada.goto("/chat/switch?q=ge");
      await fits(ada, "page");
      await accessible(ada, `page (${look}, ${screen})`);
      if (process.env.SHOTS) await ada.screenshot({ path: `${process.env.SHOTS}/${look}-${screen}-page.png` });
    });
  }
}

test("it works without script", async ({ person, newRoom }) => {
  const { titles, ada: scripted } = await cast(person, newRoom);
  const state = await scripted.context().storageState();
  const ada = await person("Carol", { javaScriptEnabled: false });
  await ada.context().clearCookies();
  await ada.context().addCookies(state.cookies);
  await ada.goto("/chat/");
  await ada.getByRole("link", { name: "Jump to…" }).click();
  await ada.getByRole("searchbox", { name: "Jump to a room or a person" }).fill("gemi");
  await ada.keyboard.press("Enter");
  await expect(ada.locator("main").getByRole("link", { name: titles[0] })).toBeVisible();
  await ada.getByRole("button", { name: "Join or create the room “gemi”" }).click();
  await expect(ada.locator("#field-title")).toHaveValue("gemi");
  await ada.goto("/chat/switch");
  await ada.locator("main").getByRole("link", { name: titles[1] }).click();
  await expect(ada.getByRole("heading", { name: titles[1] })).toBeVisible();
});
