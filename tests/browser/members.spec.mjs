// Who belongs to a group: what its owner does, and what the others see of it without a reload.

import { connected, message, post, say, unique } from "./people.mjs";
import { accessible, expect, fits, PHONE, STATUS, test } from "./test.mjs";

/** A group of these two, which is open on both pages. Returns its address. */
async function group(owner, member, title) {
  for (const [one, other] of [[owner, member], [member, owner]]) {
    await post(one.context(), "/chat/", "/friends/requests", { username: other.person.username });
  }
  await post(owner.context(), "/chat/rooms", "/chat/rooms", { title, kind: "group", members: member.person.username });
  for (const page of [owner, member]) {
    await page.goto("/chat/");
    await page.locator("#my-rooms").getByRole("link", { name: title }).click();
    await connected(page);
  }
  return new URL(owner.url()).pathname;
}

const panel = (page) => page.locator("#members-panel");
const row = (page, other) => page.locator("#member-list li", { hasText: `@${other.person.username}` });

async function choose(page, other, action) {
  await row(page, other).locator("summary").click();
  await row(page, other).getByRole("button", { name: action }).click();
}

test("an owner promotes, renames and removes, and the other page says so", async ({ person, expectComplaint }) => {
  expectComplaint(STATUS(404), /WebSocket/);
  const [ada, bob, title] = [await person("Ada"), await person("Bob"), unique("watch")];
  const path = await group(ada, bob, title);
  await ada.locator("summary[aria-label=Members]").click();
  await expect(panel(ada).locator("h3", { hasText: "Online" })).toBeVisible();
  await expect(row(ada, bob)).toBeVisible();
  await accessible(ada, "members");

  await choose(ada, bob, "Make a moderator");
  await expect(ada.locator(".toast")).toContainText("The role is changed.");
  await expect(row(ada, bob)).toContainText("Moderator");
  await expect(bob.locator("#messages .event").last()).toContainText("a moderator");
  await bob.locator("summary[aria-label=Members]").click();
  await expect(row(bob, bob)).toContainText("Moderator");

  // So does the menu of the room.
  const settings = bob.locator(".room-menu a", { hasText: "Room settings" });
  await expect(settings).toHaveAttribute("href", `${path}/settings`);

  // What the list shows beside the messages follows what happens.
  await choose(bob, bob, "Become a member");
  await expect(row(ada, bob)).not.toContainText("Moderator");
  await expect(settings).toHaveCount(0);

  await ada.goto(`${path}/settings`);
  const renamed = unique("dawn");
  await ada.locator("#field-title").fill(renamed);
  await ada.getByRole("button", { name: "Save" }).click();
  await expect(bob.getByRole("heading", { name: renamed })).toBeVisible();
  await expect(bob.locator("#my-rooms").getByRole("link", { name: renamed })).toBeVisible();
  await connected(bob);
  await say(bob, "still here");
  await expect(message(ada, "still here")).toBeVisible();

  await ada.locator("summary[aria-label=Members]").click();
  await choose(ada, bob, "Remove from the room");
  await expect(bob.locator("#connection")).toContainText("This room is not open to you.");
  await expect(bob.locator("#my-rooms").getByRole("link", { name: renamed })).toHaveCount(0);
  await expect(row(ada, bob)).toHaveCount(0);

  const add = panel(ada).getByLabel("Add a friend");
  await add.fill("nobody-at-all");
  expectComplaint(STATUS(422));
  await panel(ada).getByRole("button", { name: "Add" }).click();
  await expect(panel(ada).locator(".field-error")).toContainText("one of your friends");
  await add.fill(bob.person.username);
  await panel(ada).getByRole("button", { name: "Add" }).click();
  await expect(row(ada, bob)).toBeVisible();
});

for (const [look, options] of [["dawn, desk", { colorScheme: "light" }], ["night, phone", { colorScheme: "dark", ...PHONE }]]) {
  test(`the members and the settings (${look})`, async ({ person }) => {
    const [ada, bob] = [await person("Ada", options), await person("Bob")];
    const path = await group(ada, bob, unique("watch"));
    for (const page of ["members", "settings"]) {
      await ada.goto(`${path}/${page}`);
      await fits(ada, page);
      await accessible(ada, `${page} (${look})`);
    }
  });
}

test("all of it works without script", async ({ person, expectComplaint }) => {
  expectComplaint(STATUS(422));
  const bob = await person("Bob");
  const ada = await person("Ada", { javaScriptEnabled: false });
  for (const [one, other] of [[ada, bob], [bob, ada]]) {
    await post(one.context(), "/chat/", "/friends/requests", { username: other.person.username });
  }
  const title = unique("watch");
  await post(ada.context(), "/chat/rooms", "/chat/rooms", { title, kind: "group", members: bob.person.username });
  await ada.goto("/chat/");
  await ada.getByRole("link", { name: title }).click();
  await ada.locator("summary[aria-label=Members]").click();
  await ada.getByRole("link", { name: "Show the members" }).click();
  await choose(ada, bob, "Make an owner");
  await expect(row(ada, bob)).toContainText("Owner");
  await ada.getByRole("link", { name: "Back to the room" }).click();
  await ada.locator(".room-menu summary").click();
  await ada.getByRole("link", { name: "Room settings" }).click();
  await ada.getByLabel("Name of the room").fill("another");
  await ada.getByRole("button", { name: "Delete the room" }).click();
  await expect(ada.locator(".field-error")).toContainText("not the name of the room");
  await ada.getByLabel("Name of the room").fill(title);
  await ada.getByRole("button", { name: "Delete the room" }).click();
  await expect(ada).toHaveURL(/\/chat\/$/);
  await expect(ada.getByRole("link", { name: title })).toHaveCount(0);
});
