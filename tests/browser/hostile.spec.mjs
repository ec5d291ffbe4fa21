// No text from a person becomes markup, wherever it stands and however it comes.

import { PASSWORD, bodies, enter, message, say, unconfirmed, unique } from "./people.mjs";
import { expect, STATUS, test } from "./test.mjs";

const PAYLOADS = [
  `<script>alert(1)</script>`,
  `<img src=x onerror=alert(1)>`,
  `<hx-partial hx-target="#messages" hx-swap="innerHTML">gone</hx-partial>`,
  `</p></li></hx-partial><hx-partial hx-target="body" hx-swap="innerHTML" data-from="0" data-to="999999">gone`,
  `<div hx-swap-oob="true" id="composer">gone</div>`,
  `<section hx-ws:connect="/ws/chatroom/evil" hx-trigger="load"></section>`,
  `<div x-data="{a: 1}" x-init="alert(1)">{{ 7*7 }}</div>`,
  `<a href="javascript:alert(1)">here</a> javascript:alert(1)`,
  `<title>taken over</title><head><title>x</title></head>`,
  `"><svg onload=alert(1)> ' onfocus='alert(1)' autofocus='`,
  `{"reload": true, "location": "https://example.org"}`,
  `<template hx type="partial" hx-target="#messages">x</template>`,
  `&lt;b&gt; &amp;amp; &#x3C;script&#x3E;`,
  `\u202Eevil\u202C \u0000nul`.replace("\u0000", ""),
];

/** Nothing inside the messages acts. */
async function inert(page) {
  const found = await page.evaluate(() =>
    [...document.querySelectorAll("#messages *, #announcer *")]
      .filter((one) => ["SCRIPT", "IMG", "IFRAME", "A", "FORM", "TEMPLATE", "SECTION", "TITLE"].includes(one.tagName)
        && !one.closest("#older") && !one.matches("a.author[href^='/@'], a.at[href^='?around=']")
        // An address that is safe to follow.
        && !one.matches(".body > a[href^='https://'][target=_blank][rel='noopener noreferrer nofollow ugc']")
        || [...one.attributes].some(({ name }) => /^(on|x-|@|:|hx-|data-hx-)/.test(name) && one.id !== "older"))
      .map((one) => one.outerHTML),
  );
  expect(found).toEqual([]);
}

test("messages are text: by the socket, by the page, while they are pending", async ({ person, newRoom }) => {
  const room = await newRoom("text", `<b>bold</b> & "quoted"`);
  const ada = await person("Ada");
  const bob = await person("Bob");
  await enter(ada, room);
  await enter(bob, room);
  const title = await ada.title();
  for (const payload of PAYLOADS) await say(ada, payload);
  await expect(unconfirmed(ada)).toHaveCount(0);
  for (const page of [ada, bob]) {
    await expect(message(page, PAYLOADS.at(-1))).toBeVisible();
    expect(await bodies(page)).toEqual(PAYLOADS);
    await inert(page);
    await expect(page.locator("#composer textarea")).toBeVisible();
    expect(await page.title()).toBe(title);
    await page.reload();
    expect(await bodies(page)).toEqual(PAYLOADS);
    await inert(page);
  }
  await expect(ada.locator(".room-topic")).toHaveText(`<b>bold</b> & "quoted"`);

  // Pending ones are drawn by the script: they never reach the server here.
  await ada.evaluate(() => document.querySelector("#room")._htmx.ws.connection.socket.send = () => {});
  await ada.evaluate((texts) => {
    WebSocket.prototype.send = () => {};
    delete document.querySelector("#room")._htmx.ws.connection.socket.send;
    sessionStorage.clear();
    localStorage.clear();
  }, PAYLOADS);
  for (const payload of PAYLOADS) await say(ada, payload);
  expect(await ada.locator("#messages > .pending .body").allTextContents()).toEqual(PAYLOADS);
  await inert(ada);
});

test("names are text everywhere, on the administration's pages too", async ({ visitor, person, admin, expectComplaint }) => {
  const name = `<img src=x onerror=alert(1)>`;
  const page = await visitor();
  expectComplaint(STATUS("4\\d\\d"));
  await page.goto("/accounts/signup");
  const username = unique("evil");
  await page.locator("[name=first_name]").fill(name);
  await page.locator("[name=last_name]").fill(`"><script>alert(1)</script>`);
  await page.locator("[name=username]").fill(username);
  await page.locator("[name=password]").fill(PASSWORD);
  await page.locator("[name=consent]").check();
  await page.locator("main form button[type=submit]").click();
  await page.waitForURL(/\/chat\/?$|\/accounts\/signup/);
  // Refused as a name is as good as shown as text.
  if (!page.url().endsWith("/chat/")) return;
  await enter(page, "Random");
  const text = unique("hello");
  await say(page, text);
  const ada = await person("Ada");
  await enter(ada, "Random");
  const item = ada.locator("#messages > li", { has: ada.getByText(text, { exact: true }) });
  await expect(item.locator(".author")).toContainText(name);
  await inert(ada);
  const boss = await admin();
  await boss.goto(`/admin/users?q=${username}`);
  await expect(boss.getByText(name).first()).toBeVisible();
  expect(await boss.locator("main img").count()).toBe(0);
});
