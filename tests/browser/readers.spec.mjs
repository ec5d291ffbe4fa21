// Who has read stands under one's own message, live, and after a time without connection.

import { befriend, message, say, unique } from "./people.mjs";
import { accessible, expect, test } from "./test.mjs";

test("in a group one sees who has read", async ({ person, expectComplaint }) => {
  const [ada, bob, cleo] = [await person("Ada"), await person("Bob Stern"), await person("Cleo")];
  for (const other of [bob, cleo]) await befriend(ada, other);
  await ada.goto("/chat/rooms");
  await ada.getByLabel("Name").fill("Observatory");
  await ada.getByLabel("Group", { exact: false }).first().check();
  for (const name of ["Bob Stern", "Cleo"]) await ada.getByLabel(name).check();
  await ada.getByRole("button", { name: "Make the room" }).click();
  await ada.waitForURL(/\/chat\/room\//);
  const text = unique("have you seen this?");
  await say(ada, text);
  const line = message(ada, text).locator("xpath=..").locator("p", { hasText: "Read by" });
  await expect(line).toHaveCount(0);
  await bob.goto(ada.url());
  await expect(line).toHaveText(/Read by Bob Stern$/);
  await cleo.goto(ada.url());
  await expect(line).toHaveText(/Read by (Bob Stern and Cleo|Cleo and Bob Stern)$/);
  await accessible(ada, "read by two");

  // What is read while the page is not connected is there when it is again.
  const next = unique("and this?");
  await say(ada, next);
  await expect(message(bob, next)).toBeVisible();
  const newer = message(ada, next).locator("xpath=..").locator("p", { hasText: "Read by" });
  await expect(newer).toHaveText(/Bob Stern/);
  expectComplaint(/WebSocket|htmx:ws:error|ERR_INTERNET/);
  await bob.evaluate(() => (document.hasFocus = () => false));
  await cleo.evaluate(() => (document.hasFocus = () => false));
  const last = unique("while away");
  await say(ada, last);
  await expect(message(bob, last)).toBeVisible();
  await ada.context().setOffline(true);
  await expect(ada.locator("#connection")).toBeVisible();
  await bob.evaluate(() => {
    document.hasFocus = () => true;
    window.dispatchEvent(new Event("focus"));
  });
  await expect(bob.locator(".badge")).toHaveCount(0);
  await ada.context().setOffline(false);
  await expect(message(ada, last).locator("xpath=..").locator("p", { hasText: "Read by" })).toHaveText(/Read by Bob Stern$/);
});
