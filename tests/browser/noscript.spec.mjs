// Everything but live updates works without JavaScript.

import { ADMIN_STATE, bodies, makeRoom, sayMany, signUp, unique, enter, logIn } from "./people.mjs";
import { expect, STATUS, test } from "./test.mjs";

test("sign up, join, write, read older messages, leave, log out, log in", async ({ visitor, person, newRoom, expectComplaint }) => {
  const room = await newRoom("plain");
  const bob = await person("Bob");
  await enter(bob, room);
  await sayMany(bob, room, 120);

  const page = await visitor({ javaScriptEnabled: false });
  const who = { username: unique("ada"), first_name: "Ada" };
  await signUp(page, who);
  await page.locator(`a[href='/chat/room/${room}']`).first().click();
  await page.locator(`form[action='/chat/room/${room}/join'] button`).first().click();
  await expect(page).toHaveURL(new RegExp(`/chat/room/${room}$`));

  const text = page.locator("#composer textarea");
  await text.fill("Written without a script\nin two lines");
  await page.locator("#composer button.send").click();
  await expect(page).toHaveURL(/#m-\d+$/);
  expect((await bodies(page)).at(-1)).toBe("Written without a script\nin two lines");
  await page.reload();
  const written = (await bodies(page)).filter((body) => body.startsWith("Written"));
  expect(written, "a reload sends nothing again").toHaveLength(1);
  // Live for everybody else.
  await expect(bob.locator("#messages").getByText("Written without a script")).toBeVisible();

  expectComplaint(STATUS(422));
  await text.fill("x".repeat(4_001));
  await page.locator("#composer button.send").click();
  await expect(page.locator("#composer-error")).not.toBeEmpty();
  await expect(text, "what was too long is kept").toHaveValue("x".repeat(4_001));

  await page.goto(`/chat/room/${room}`);
  for (let pages = 0; pages < 5 && (await page.locator("#older a").count()); pages += 1) await page.locator("#older a").click();
  await expect(page.getByText("Message 1", { exact: true })).toBeVisible();

  await page.goto(`/chat/room/${room}`);
  await page.locator(".room-menu summary").click();
  await page.locator(`form[action='/chat/room/${room}/leave'] button`).click();
  await page.goto("/chat/");
  await page.locator("details:has(form[action='/accounts/logout']) summary").first().click();
  await page.locator("form[action='/accounts/logout'] button").click();
  await page.goto("/chat/");
  await expect(page).toHaveURL(/\/accounts\/login/);
  await logIn(page, who.username);
  await expect(page).toHaveURL(/\/chat\/?/);
});

test("the administration works too", async ({ visitor }) => {
  const page = await visitor({ javaScriptEnabled: false, storageState: ADMIN_STATE });
  const room = unique("admin");
  await makeRoom(page, room, "By hand.");
  await page.goto("/admin/users?q=stella");
  await expect(page.getByText("stella").first()).toBeVisible();
});
