// What the administrator does to rooms while people are in them, away from them, or elsewhere.

import { bodies, composer, connected, enter, message, post, say, unconfirmed, unique } from "./people.mjs";
import { expect, LOST_CONNECTION, STATUS, test } from "./test.mjs";

const row = (page, room) => page.locator("#public-rooms").getByRole("link", { name: room });
const rename = (admin, room, name) => post(admin.context(), "/admin/rooms", `/admin/rooms/${room}`, { name, topic: "" });
const remove = (admin, room) => post(admin.context(), "/admin/rooms", `/admin/rooms/${room}/delete`, {});

/** The page is cut off, and what is written waits. */
async function writeOffline(page, text, draft) {
  await page.context().setOffline(true);
  await expect(page.locator("#room")).toHaveClass(/disconnected/);
  await say(page, text);
  await expect(unconfirmed(page)).toHaveCount(1);
  await composer(page).fill(draft);
}

test("renamed while somebody is offline: what they wrote arrives there", async ({ person, admin, newRoom, expectComplaint }) => {
  expectComplaint(LOST_CONNECTION);
  const [room, renamed, text] = [await newRoom("before"), unique("after"), unique("written")];
  const [ada, bob, stella] = [await person("Ada"), await person("Bob"), await admin()];
  await enter(ada, room);
  await enter(bob, room);
  await writeOffline(ada, text, "a draft");
  await rename(stella, room, renamed);
  await expect(bob, "who is there is led along").toHaveURL(new RegExp(`/chat/room/${renamed}$`));
  await ada.context().setOffline(false);
  await expect(ada).toHaveURL(new RegExp(`/chat/room/${renamed}$`));
  await connected(ada);
  await expect(unconfirmed(ada)).toHaveCount(0);
  await expect(composer(ada)).toHaveValue("a draft");
  await expect(message(bob, text)).toHaveCount(1);
  await expect(row(ada, renamed)).toHaveAttribute("aria-current", "page");
});

test("two rooms swap names while somebody is offline: nothing goes into the other one", async ({ person, admin, newRoom, expectComplaint }) => {
  expectComplaint(LOST_CONNECTION);
  const [here, there, text] = [await newRoom("here"), await newRoom("there"), unique("private")];
  const [ada, bob, carl, stella] = [await person("Ada"), await person("Bob"), await person("Carl"), await admin()];
  await enter(ada, there);
  await enter(ada, here);
  await enter(bob, here);
  await enter(carl, there);
  await writeOffline(ada, text, "a draft");
  const spare = unique("spare");
  // Bob's page asks for the room where it was for a moment only, and too late.
  let settle;
  const settled = new Promise((done) => (settle = done));
  await bob.route(`**/chat/room/${spare}*`, async (route) => {
    await settled;
    await route.continue();
  });
  const asked = bob.waitForRequest(`**/chat/room/${spare}*`);
  await rename(stella, here, spare);
  await asked;
  await rename(stella, there, here);
  await rename(stella, spare, there);
  settle();
  await expect(bob).toHaveURL(new RegExp(`/chat/room/${there}$`));
  await ada.context().setOffline(false);
  await expect(ada).toHaveURL(new RegExp(`/chat/room/${there}$`));
  await connected(ada);
  await expect(message(ada, text)).toHaveCount(1);
  await expect(unconfirmed(ada)).toHaveCount(0);
  await expect(composer(ada)).toHaveValue("a draft");
  await expect(message(bob, text)).toHaveCount(1);
  await carl.goto(`/chat/room/${here}`);
  await connected(carl);
  expect(await bodies(carl)).toEqual([]);
});

test("deleted while somebody is offline: the page says so and keeps what they wrote", async ({ person, admin, newRoom, expectComplaint }) => {
  expectComplaint(LOST_CONNECTION);
  expectComplaint(STATUS(404));
  const [room, text] = [await newRoom("doomed"), unique("written")];
  const [ada, bob, stella] = [await person("Ada"), await person("Bob"), await admin()];
  await enter(ada, room);
  await enter(bob, room);
  await say(bob, "to be read");
  await expect(message(ada, "to be read")).toHaveCount(1);
  await writeOffline(ada, text, "half a thought");
  await remove(stella, room);
  await expect(bob.locator("#connection")).toContainText("This room is not open to you.");
  await ada.context().setOffline(false);
  await expect(ada.locator("#connection")).toContainText("This room is not open to you.");
  const unsent = ada.locator("#messages > .failed");
  await expect(unsent.locator(".body")).toHaveText([text, "half a thought"]);
  await expect(unsent.first().locator(".reason")).toContainText("not open to you any more");
  await expect(message(ada, "to be read"), "what was read can still be read").toBeVisible();
  await expect(composer(ada)).toBeHidden();
  await expect(unsent.first().getByRole("button", { name: "Try again" })).toBeHidden();
  await unsent.first().getByRole("button", { name: "Discard" }).click();
  await expect(unsent.locator(".body")).toHaveText(["half a thought"]);
});

test("archived while somebody writes: the page can be read, and keeps what was not sent", async ({ person, admin, newRoom }) => {
  const room = await newRoom("closing");
  const [ada, stella] = [await person("Ada"), await admin()];
  await enter(ada, room);
  await say(ada, "sent");
  await expect(message(ada, "sent")).toHaveCount(1);
  await composer(ada).fill("not sent");
  await post(stella.context(), "/admin/rooms", `/admin/rooms/${room}/archive`, {});
  await expect(ada.locator(".archived")).toBeVisible();
  await expect(ada.locator("#messages > .failed .body")).toHaveText(["not sent"]);
  await expect(message(ada, "sent")).toBeVisible();
  await expect(ada.locator(".account > summary").getByText("Online")).toBeVisible();
});

test("renamed and archived while somebody is offline: the page is found, and keeps what was not sent", async ({ person, admin, newRoom, expectComplaint }) => {
  expectComplaint(LOST_CONNECTION);
  // A handshake that fails on the way back is followed by a plain request.
  expectComplaint(STATUS(404));
  const [room, renamed, text] = [await newRoom("closing"), unique("closed"), unique("written")];
  const [ada, stella] = [await person("Ada"), await admin()];
  await enter(ada, room);
  await say(ada, "sent");
  await expect(message(ada, "sent")).toHaveCount(1);
  await writeOffline(ada, text, "a draft");
  await rename(stella, room, renamed);
  await post(stella.context(), "/admin/rooms", `/admin/rooms/${renamed}/archive`, {});
  await ada.context().setOffline(false);
  await expect(ada.locator(".archived")).toBeVisible();
  await expect(ada).toHaveURL(new RegExp(`/chat/room/${renamed}$`));
  await expect(ada.locator("#messages > .failed .body")).toHaveText([text, "a draft"]);
  await expect(message(ada, "sent")).toBeVisible();
});

test("the side bar of every page follows what the administrator does", async ({ person, admin, newRoom }) => {
  const [own, other] = [await newRoom("a-home"), await newRoom("b-other")];
  const [home, reader, stella] = [await person("Ada"), await person("Bob"), await admin()];
  await home.goto("/chat/");
  await enter(reader, own);
  for (const page of [home, reader]) {
    await page.waitForFunction(() => {
      const owner = document.querySelector("#inbox, #room");
      return owner?._htmx?.ws?.connection?.socket?.readyState === WebSocket.OPEN;
    });
    await page.evaluate(() => (window.old = true));
  }
  const everywhere = async (check) => {
    for (const page of [home, reader]) await check(page);
  };
  const made = unique("c-made");
  await post(stella.context(), "/admin/rooms", "/admin/rooms", { name: made, topic: "Fresh." });
  await everywhere((page) => expect(row(page, made)).toBeVisible());

  // By name, wherever it stood before.
  const renamed = unique("a-made");
  await row(home, made).focus();
  await rename(stella, made, renamed);
  await everywhere((page) => expect(row(page, renamed)).toBeVisible());
  await everywhere((page) => expect(row(page, made)).toHaveCount(0));
  await expect(row(home, renamed), "the focus goes along").toBeFocused();
  const names = (await home.locator("#public-rooms .row-name").allTextContents()).map((name) => name.toLowerCase());
  expect(names.indexOf(renamed.toLowerCase())).toBeLessThan(names.indexOf(other.toLowerCase()));

  await post(stella.context(), "/admin/rooms", `/admin/rooms/${renamed}/archive`, {});
  await everywhere((page) => expect(row(page, renamed)).toHaveCount(0));
  await remove(stella, other);
  await everywhere((page) => expect(row(page, other)).toHaveCount(0));

  await everywhere(async (page) => expect(await page.evaluate(() => window.old)).toBe(true));

  // The open row stays marked when it is drawn anew, also for somebody who only looks at the room from outside.
  await home.goto(`/chat/room/${own}`);
  await expect(home.locator(".account > summary").getByText("Online")).toBeVisible();
  await post(stella.context(), "/admin/rooms", `/admin/rooms/${own}`, { name: own, topic: "Another topic" });
  await everywhere((page) => expect(row(page, own)).toContainText("Another topic"));
  await everywhere((page) => expect(row(page, own)).toHaveAttribute("aria-current", "page"));
});

test("what changed in the list while a page without a room was away comes when it is back", async ({ person, admin, expectComplaint }) => {
  expectComplaint(LOST_CONNECTION);
  const [page, stella, made] = [await person("Ada"), await admin(), unique("missed")];
  await page.goto("/chat/");
  await expect(page.locator(".account > summary").getByText("Online")).toBeVisible();
  await page.context().setOffline(true);
  await expect(page.locator(".account > summary").getByText("Not connected")).toBeVisible();
  await post(stella.context(), "/admin/rooms", "/admin/rooms", { name: made, topic: "" });
  await page.context().setOffline(false);
  await expect(row(page, made)).toBeVisible();
  await expect(page.locator(".account > summary").getByText("Online")).toBeVisible();
});
