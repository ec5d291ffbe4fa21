// Forms inside the shell change the page where it stands, say what they did, and ask before they delete.

import { connected, enter, makeRoom, post, unique } from "./people.mjs";
import { accessible, expect, LOST_CONNECTION, PHONE, STATUS, test } from "./test.mjs";

const toast = (page) => page.locator(".toast");
const stays = (page) => page.evaluate(() => (window.old = true));
const stayed = async (page) => expect(await page.evaluate(() => window.old ?? false), "the page was not loaded again").toBe(true);
const row = (page, room) => page.locator("#room-list tbody tr").filter({ hasText: room });

test("a room is made, changed, archived and restored without leaving the page", async ({ admin, expectComplaint }) => {
  const page = await admin();
  await page.goto("/admin/rooms");
  await stays(page);
  const room = unique("0shell");
  const form = page.locator("form[action='/admin/rooms']");
  await form.getByLabel("Name").fill(room);
  await form.getByRole("button", { name: "Create room" }).click();
  await expect(toast(page).getByRole("status")).toHaveText("The room is made.");
  await expect(row(page, room)).toBeVisible();
  await expect(form.getByLabel("Name")).toHaveValue("");
  await accessible(page, "a toast");

  expectComplaint(STATUS(422));
  await form.getByLabel("Name").fill(room.toUpperCase());
  await form.getByLabel("Topic").fill("Kept.");
  await form.getByRole("button", { name: "Create room" }).click();
  await expect(page.locator("#field-name-error")).toContainText("There is a room of this name already.");
  await expect(form.getByLabel("Name")).toBeFocused();
  await expect(form.getByLabel("Topic")).toHaveValue("Kept.");

  // What is typed into the form above stays while the list below changes.
  await row(page, room).getByRole("button", { name: "Archive" }).click();
  await expect(row(page, room)).toContainText("Archived");
  await expect(form.getByLabel("Topic")).toHaveValue("Kept.");
  await row(page, room).getByRole("button", { name: "Restore" }).click();
  await expect(row(page, room)).toContainText("Open");
  await expect(toast(page).getByRole("status")).toHaveText("The room is open again.");

  const dialog = page.getByRole("dialog");
  await row(page, room).getByRole("link", { name: "Edit" }).click();
  await expect(dialog.getByLabel("Name")).toHaveValue(room);
  await accessible(page, "the dialog to edit");
  await dialog.getByLabel("Name").fill("not a name");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.locator(".field-error")).toBeVisible();
  await expect(dialog.getByLabel("Name")).toHaveValue("not a name");
  const renamed = unique("0renamed");
  await dialog.getByLabel("Name").fill(renamed);
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toBeHidden();
  await expect(row(page, renamed)).toBeVisible();
  await stayed(page);
});

for (const [size, options] of [["wide", {}], ["phone", PHONE]]) {
  test(`the question before a room is deleted keeps the focus and returns it (${size})`, async ({ admin, newRoom }) => {
    const room = await newRoom("0asked");
    const page = await admin(options);
    await page.goto("/admin/rooms");
    await stays(page);
    const ask = row(page, room).getByRole("link", { name: "Delete" });
    const dialog = page.getByRole("dialog", { name: "Delete this room?" });
    for (const away of ["Escape", "Enter"]) {
      await ask.focus();
      await page.keyboard.press("Enter");
      await expect(dialog).toBeVisible();
      await expect(dialog.getByRole("link", { name: "Keep" }), "the safe one first").toBeFocused();
      await page.keyboard.press("Tab");
      await expect(dialog.getByRole("button", { name: "Delete" })).toBeFocused();
      await page.keyboard.press("Shift+Tab");
      await expect(dialog.getByRole("link", { name: "Keep" })).toBeFocused();
      await page.keyboard.press(away);
      await expect(dialog).toBeHidden();
      await expect(ask).toBeFocused();
    }
    await ask.click();
    await accessible(page, "the dialog to delete");
    if (size === "phone") {
      const box = await dialog.boundingBox();
      expect(Math.round(box.y + box.height), "a sheet from below").toBe(page.viewportSize().height);
    }
    await dialog.getByRole("button", { name: "Delete" }).click();
    await expect(dialog).toBeHidden();
    await expect(row(page, room)).toHaveCount(0);
    await expect(toast(page).getByRole("status")).toHaveText("The room is deleted.");
    await expect(page.locator("#all-rooms")).toBeFocused();
    await stayed(page);
  });
}

// Chromium tells of a closed dialog with the next frame, which a busy machine draws late.
test("a dialog that is opened again at once keeps what it asks", async ({ admin, newRoom }) => {
  const room = await newRoom("0again");
  const page = await admin();
  await page.goto("/admin/rooms");
  const ask = row(page, room).getByRole("link", { name: "Delete" });
  const dialog = page.getByRole("dialog", { name: "Delete this room?" });
  await ask.click();
  await expect(dialog).toBeVisible();
  await ask.evaluate(async (link) => {
    const question = await (await fetch(link.href, { headers: { "HX-Request": "true" } })).text();
    const { fetch: original } = window;
    window.fetch = async () => new Response(question);
    const element = document.getElementById("dialog");
    const told = new Promise((done) => element.addEventListener("close", done, { once: true }));
    element.close();
    link.click();
    await told;
    window.fetch = original;
  });
  await expect(dialog.getByRole("link", { name: "Keep" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(ask).toBeFocused();
  await expect(page.locator("#dialog")).toBeEmpty();
});

test("the same notice is announced each time, an error stays until it is closed", async ({ admin, newRoom, expectComplaint }) => {
  const [room, gone] = [await newRoom("0twice"), await newRoom("0gone")];
  const page = await admin();
  await page.goto("/admin/rooms");
  await page.evaluate(() => {
    window.said = [];
    const region = document.querySelector(".toast [role=status]");
    new MutationObserver(() => window.said.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
  });
  for (const name of ["Archive", "Restore", "Archive"]) {
    await row(page, room).getByRole("button", { name }).click();
    await expect(row(page, room).getByRole("button", { name: name === "Archive" ? "Restore" : "Archive" })).toBeVisible();
  }
  // Twice the same in a row: the region was empty between the two.
  const again = () => page.evaluate(() => document.dispatchEvent(new CustomEvent("toast", { detail: { value: "The same." } })));
  await again();
  await expect(toast(page).getByRole("status")).toHaveText("The same.");
  await again();
  await expect.poll(() => page.evaluate(() => window.said.slice(-3))).toEqual(["The same.", "", "The same."]);
  await expect(toast(page).getByRole("status")).toHaveText("");

  expectComplaint(STATUS(404));
  await post(page.context(), "/admin/rooms", `/admin/rooms/${gone}/delete`, {});
  await row(page, gone).getByRole("button", { name: "Archive" }).click();
  const problem = toast(page).getByRole("alert");
  await expect(problem).toContainText("This page lies in the dark");
  await expect(row(page, gone), "the list stands as it did").toBeVisible();
  await toast(page).getByRole("button", { name: "Close" }).click();
  await expect(problem).toHaveText("");

  expectComplaint(LOST_CONNECTION);
  expectComplaint(/htmx:error/);
  await page.context().setOffline(true);
  await row(page, room).getByRole("button", { name: "Restore" }).click();
  await expect(problem).toContainText("cannot be reached");
  await page.context().setOffline(false);
});

test("a role is given and taken where the person stands", async ({ admin, person }) => {
  const { person: who } = await person("Rolanda");
  const page = await admin();
  await page.goto("/admin/users");
  await stays(page);
  await page.locator("#q").fill(who.username);
  const one = page.locator("#people li").filter({ hasText: who.username });
  await expect(page.locator("#people li")).toHaveCount(1);
  await one.getByRole("button", { name: "Make administrator" }).click();
  await expect(one).toContainText("Administrator");
  await expect(one.getByRole("button", { name: "Remove as administrator" })).toBeFocused();
  await expect(page.locator("#people li"), "the search stands").toHaveCount(1);
  await one.getByRole("button", { name: "Remove as administrator" }).click();
  await expect(toast(page).getByRole("status")).toHaveText("They are a member again.");
  await stayed(page);
});

test("the look changes at once and for good, and a room is joined and left", async ({ person, newRoom }) => {
  const room = await newRoom("look");
  const page = await person("Ada");
  await page.goto(`/chat/room/${room}`);
  await stays(page);
  await page.locator(".account > summary").click();
  await page.getByRole("button", { name: "Dawn" }).click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dawn");
  await expect(page.getByRole("button", { name: "Dawn" })).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByRole("button", { name: "Dawn" })).toBeFocused();
  await stayed(page);
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dawn");

  await page.getByRole("button", { name: "Join the room" }).click();
  await connected(page);
  await page.locator(".room-menu summary").click();
  await page.getByRole("button", { name: "Leave room" }).click();
  await expect(page).toHaveURL(/\/chat\/$/);
});
