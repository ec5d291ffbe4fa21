// Many lines in a row that say who came and left fold into one.

import { connected, enter, message, post, say, sayMany } from "./people.mjs";
import { accessible, expect, fits, PHONE, test } from "./test.mjs";

const events = (page) => page.locator("#messages > .event[data-kind]");
const line = (page) => page.locator("#messages > .folded").getByRole("button");
const shown = (page) => events(page).filter({ visible: true });

const join = (page, room) => post(page.context(), "/chat/", `/chat/room/${room}/join`, {});
const leave = (page, room) => post(page.context(), "/chat/", `/chat/room/${room}/leave`, {});

test("many who come and go fold into one line, live and by keys", async ({ person, newRoom }) => {
  const room = await newRoom("fold");
  const ada = await person("Ada");
  await enter(ada, room);
  await expect(events(ada)).toHaveCount(1);
  const others = [];
  for (const name of ["Bob", "Carol", "Dan", "Eve", "Fay"]) others.push(await person(name));
  for (const one of others.slice(0, 2)) await join(one, room);
  await expect(shown(ada), "three stand as they are").toHaveCount(3);
  await expect(line(ada)).toHaveCount(0);
  for (const one of others.slice(2)) await join(one, room);
  await expect(line(ada)).toHaveText("Ada, Bob and 4 others joined");
  await expect(shown(ada)).toHaveCount(0);
  await expect(line(ada)).toHaveAttribute("aria-expanded", "false");
  await accessible(ada, "folded");

  // Opened by keys it stays open, and keeps the focus, while more come.
  await line(ada).focus();
  await ada.keyboard.press("Enter");
  await expect(line(ada)).toHaveAttribute("aria-expanded", "true");
  await expect(shown(ada)).toHaveCount(6);
  await leave(others[0], room);
  await expect(line(ada)).toHaveText("Ada, Bob and 4 others joined · Bob left");
  await leave(others[1], room);
  await expect(line(ada)).toHaveText("Ada, Bob and 4 others joined · 2 left");
  await expect(shown(ada)).toHaveCount(8);
  await expect(line(ada)).toBeFocused();
  await ada.keyboard.press("Space");
  await expect(shown(ada)).toHaveCount(0);

  // A message ends the row; what comes after it stands by itself.
  await enter(others[2], room);
  await say(others[2], "hello");
  await expect(message(ada, "hello")).toBeVisible();
  await leave(others[3], room);
  await expect(shown(ada)).toHaveCount(1);
  await expect(ada.locator("#messages > li").last()).toContainText("left");

  // The same after a reload, and another name is in the line at once.
  await ada.reload();
  await connected(ada);
  await expect(line(ada)).toHaveText("Ada, Bob and 4 others joined · 2 left");
  await expect(shown(ada)).toHaveCount(1);
  await post(ada.context(), "/settings/profile", "/settings/profile", { first_name: "Ada", last_name: "", display_name: "Countess", bio: "" });
  await expect(line(ada)).toHaveText("Countess, Bob and 4 others joined · 2 left");
});

test("rows fold in history that is loaded above, and nothing moves", async ({ person, newRoom }) => {
  const room = await newRoom("fold");
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await enter(ada, room);
  await sayMany(ada, room, 60, (n) => `early ${n}`);
  for (let n = 0; n < 5; n++) {
    await join(bob, room);
    await leave(bob, room);
  }
  await sayMany(ada, room, 70, (n) => `late ${n}`);
  await ada.reload();
  await connected(ada);
  await expect(message(ada, "late 70")).toBeVisible();
  await ada.locator("#scroller").focus();
  await expect(async () => {
    await ada.keyboard.press("Home");
    await expect(message(ada, "early 1")).toHaveCount(1, { timeout: 200 });
  }).toPass();
  await expect(line(ada)).toHaveText("Bob joined · Bob left");
  await expect(events(ada)).toHaveCount(11);
  const sequence = await ada.locator("#messages > [data-seq]").evaluateAll((all) => all.map((item) => Number(item.dataset.seq)));
  expect(sequence).toEqual([...sequence].sort((a, b) => a - b));

  // What the reader looks at stays where it is when a row is folded below or above.
  await line(ada).scrollIntoViewIfNeeded();
  const { y } = await line(ada).boundingBox();
  await line(ada).click();
  await expect(shown(ada)).toHaveCount(11);
  expect((await line(ada).boundingBox()).y).toBe(y);
  await line(ada).click();
  await expect(shown(ada)).toHaveCount(1);
  expect((await line(ada).boundingBox()).y).toBe(y);
});

for (const [look, options] of [["night, desk", { colorScheme: "dark" }], ["dawn, phone", { colorScheme: "light", ...PHONE }]]) {
  test(`its look (${look})`, async ({ person, newRoom }) => {
    const room = await newRoom("fold");
    const [ada, bob] = [await person("Ada Lovelace", options), await person("Bob")];
    await enter(ada, room);
    for (let n = 0; n < 3; n++) {
      await join(bob, room);
      await leave(bob, room);
    }
    await expect(line(ada)).toHaveText("Ada Lovelace and Bob joined · Bob left");
    await say(ada, "They came and went.");
    await fits(ada, "folded");
    await accessible(ada, `folded (${look})`);
    if (process.env.SHOTS) await ada.screenshot({ path: `${process.env.SHOTS}/fold-${look}.png` });
    await line(ada).click();
    await expect(shown(ada)).toHaveCount(7);
    await accessible(ada, `opened (${look})`);
    if (process.env.SHOTS) await ada.screenshot({ path: `${process.env.SHOTS}/fold-${look}-open.png` });
  });
}

test("without script they stand as they are", async ({ person, newRoom }) => {
  const room = await newRoom("fold");
  const ada = await person("Ada", { javaScriptEnabled: false });
  const bob = await person("Bob");
  await join(ada, room);
  for (let n = 0; n < 3; n++) {
    await join(bob, room);
    await leave(bob, room);
  }
  await ada.goto(`/chat/room/${room}`);
  await expect(shown(ada)).toHaveCount(7);
  await expect(line(ada)).toHaveCount(0);
});
