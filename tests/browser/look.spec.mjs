// Every page in both themes, on a desk and on a phone: nothing that axe objects to, nothing wider than the window.

import { enter, say, unconfirmed, unique } from "./people.mjs";
import { accessible, expect, fits, PHONE, STATUS, test } from "./test.mjs";

const themes = { night: { colorScheme: "dark" }, dawn: { colorScheme: "light" } };
const screens = { desk: {}, phone: PHONE };

for (const [theme, scheme] of Object.entries(themes)) {
  for (const [screen, size] of Object.entries(screens)) {
    const options = { ...scheme, ...size };
    const look = `${theme}, ${screen}`;

    test(`public pages (${look})`, async ({ visitor, expectComplaint }) => {
      expectComplaint(STATUS(404));
      const page = await visitor(options);
      for (const path of ["/", "/accounts/signup", "/accounts/login", "/accounts/reset", "/privacy", "/about", "/api/docs", "/nowhere"]) {
        await page.goto(path);
        await fits(page, path);
        await accessible(page, `${path} (${look})`);
      }
    });

    test(`chat (${look})`, async ({ person, expectComplaint }) => {
      const page = await person("Ada Lovelace", options);
      await page.goto("/chat/");
      await fits(page, "chat home");
      await accessible(page, `chat home (${look})`);
      await page.goto("/chat/room/Random");
      await fits(page, "invitation");
      await accessible(page, `invitation (${look})`);
      await enter(page, "Random");
      await page.locator("#composer textarea").fill(`${unique("word")} ${"long".repeat(60)}`);
      await page.locator("#composer button.send").click();
      await expect(unconfirmed(page)).toHaveCount(0);
      await fits(page, "room");
      await accessible(page, `room (${look})`);
      await page.locator(".room-menu > summary").click();
      await accessible(page, `room menu (${look})`);
      await page.keyboard.press("Escape");

      // Not connected: the banner, and a message that waits.
      expectComplaint(/WebSocket|htmx:ws:error|ERR_INTERNET/);
      await page.context().setOffline(true);
      await expect(page.locator("#connection")).toBeVisible();
      await page.locator("#composer textarea").fill("It waits.");
      await page.locator("#composer button.send").click();
      await fits(page, "room, offline");
      await accessible(page, `room, offline (${look})`);
      await page.context().setOffline(false);
      await expect(page.locator("#connection")).toBeHidden();
      await expect(unconfirmed(page)).toHaveCount(0);
    });

    test(`settings (${look})`, async ({ person, expectComplaint }) => {
      expectComplaint(STATUS(422));
      const page = await person("Ada Lovelace", options);
      for (const path of ["/settings", "/settings/email", "/settings/password", "/settings/appearance", "/settings/sessions", "/settings/api", "/settings/profile", "/settings/blocks", "/settings/data"]) {
        await page.goto(path);
        await fits(page, path);
        await accessible(page, `${path} (${look})`);
      }
      for (const path of ["/settings/email", "/settings/password", "/settings/data"]) {
        await page.goto(path);
        await page.locator("main input[type=password]").first().fill("not the one");
        await page.locator("main form:has(input[type=password]) button[type=submit]").first().click();
        await expect(page.locator("main .field-error").first()).toBeVisible();
        await fits(page, `${path}, refused`);
        await accessible(page, `${path}, refused (${look})`);
      }
    });

    test(`administration (${look})`, async ({ admin }) => {
      const page = await admin(options);
      for (const path of ["/admin/", "/admin/rooms", "/admin/rooms/Random/edit", "/admin/rooms/Random/delete", "/admin/users", "/admin/users?q=nobody-at-all", "/admin/jobs"]) {
        await page.goto(path);
        await fits(page, path);
        await accessible(page, `${path} (${look})`);
      }
    });
  }
}

test("a room without messages says what to do", async ({ person, newRoom }) => {
  const room = await newRoom("empty");
  const page = await person("Ada");
  await enter(page, room);
  await say(page, "The first one");
  await expect(page.locator("#messages > [id^='m-']")).toHaveCount(1);
});

test("administration is not there for others", async ({ person, visitor, expectComplaint }) => {
  expectComplaint(STATUS(404));
  const page = await person("Ada");
  for (const path of ["/admin/", "/admin/rooms", "/admin/users", "/admin/jobs"]) {
    expect((await page.goto(path)).status()).toBe(404);
  }
  const stranger = await visitor();
  const answer = await stranger.goto("/admin/");
  expect([200, 404]).toContain(answer.status());
  await expect(stranger.getByText("Administration")).toHaveCount(0);
});
