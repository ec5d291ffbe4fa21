// An administrator whose password was given long ago is asked for it again, and nothing that was typed is lost.

import { PASSWORD, makeRoom, setUp, unique } from "./people.mjs";
import { Server } from "./server.mjs";
import { accessible, expect, fits, PHONE, STATUS, test as base } from "./test.mjs";

const test = base.extend({
  server: [
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.end();
    },
    { scope: "worker" },
  ],
  baseURL: ({ server }, use) => use(server.url),
  administrator: [
    async ({ server, browser }, use) => {
      const context = await browser.newContext({ baseURL: server.url });
      const page = await context.newPage();
      await setUp(page, server.setupUrl);
      await use(await context.storageState());
      await context.close();
    },
    { scope: "worker" },
  ],
  /** The page of the administrator; what they do on it a while later is asked about. */
  late: ({ server, visitor, administrator }, use) =>
    use(async (path, options = {}, before = async () => {}) => {
      const page = await visitor({ storageState: administrator, ...options });
      await before(page);
      await page.goto(path);
      server.sql("UPDATE user_sessions SET confirmed_at = now() - interval '16 minutes'");
      return page;
    }),
});

// The password that one of them gives would count for the others.
test.describe.configure({ mode: "serial" });

const confirm = async (where, password) => {
  await where.getByLabel("Your password").fill(password);
  await where.getByRole("button", { name: "Confirm" }).click();
};

for (const [size, options] of [["night", {}], ["dawn on a phone", { ...PHONE, colorScheme: "light" }]]) {
  test(`a room is made after the password was given again (${size})`, async ({ late, expectComplaint }) => {
    const page = await late("/admin/rooms", options);
    const room = unique("confirmed");
    const form = page.locator("form[action='/admin/rooms']").first();
    await form.getByLabel("Name").fill(room);
    await form.getByLabel("Topic").fill("Typed once.");
    await form.getByRole("button", { name: "Create room" }).click();
    const dialog = page.getByRole("dialog", { name: "Confirm it is you" });
    await expect(dialog.getByLabel("Your password")).toBeFocused();
    await accessible(page, "the question for the password");
    await fits(page, "the question for the password");
    // Not now: what was typed still stands there.
    await dialog.getByRole("link", { name: "Cancel" }).click();
    await expect(dialog).toBeHidden();
    await expect(form.getByLabel("Topic")).toHaveValue("Typed once.");
    await form.getByRole("button", { name: "Create room" }).click();

    expectComplaint(STATUS(422));
    await confirm(dialog, "not my password");
    await expect(dialog.locator(".field-error")).toContainText("This is not your password.");
    await dialog.getByRole("button", { name: "Show the password" }).click();
    await expect(dialog.getByLabel("Your password")).toHaveAttribute("type", "text");
    await accessible(page, "the question for the password, asked again");
    await fits(page, "the question for the password, asked again");
    await confirm(dialog, PASSWORD);
    await expect(dialog).toBeHidden();
    await expect(page.locator(".toast")).toContainText("The room is made.");
    await expect(form.getByLabel("Topic")).toHaveValue("");
    await expect(page.locator("#room-list")).toContainText(room);
    await expect(page.locator("#room-list")).toContainText("Typed once.");
  });
}

test("the question takes the place of another one, and works without a script", async ({ late, expectComplaint }) => {
  const room = unique("gone");
  const page = await late("/admin/rooms?show=open", {}, async (page) => makeRoom(page, room));
  await page.locator("#room-list tbody tr").filter({ hasText: room }).getByRole("link", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog", { name: "Confirm it is you" });
  await expect(dialog.getByLabel("Your password")).toBeFocused();
  await confirm(dialog, PASSWORD);
  await expect(page.locator(".toast")).toContainText("The room is deleted.");
  await expect(page.locator("#room-list")).not.toContainText(room);
  await expect(page.locator("#room-list [aria-current=page]"), "as it was filtered").toHaveText("Open");

  expectComplaint(STATUS(403));
  const plain = await late("/admin/rooms", { javaScriptEnabled: false });
  const form = plain.locator("form[action='/admin/rooms']").first();
  await form.getByLabel("Name").fill(room);
  await form.getByRole("button", { name: "Create room" }).click();
  await confirm(plain.locator("main"), PASSWORD);
  await expect(plain).toHaveURL(/\/admin\/rooms$/);
  await expect(plain.locator("#room-list")).toContainText(room);
});

test("the question as a page", async ({ late, expectComplaint }) => {
  expectComplaint(STATUS(403));
  const page = await late("/admin/rooms", { ...PHONE, colorScheme: "light" });
  // As the browser does without the script.
  await page.locator("form[action='/admin/rooms'][method=post]").evaluate((form) => form.submit());
  await expect(page.locator("main").getByLabel("Your password")).toBeFocused();
  await accessible(page, "the page that asks for the password");
  await fits(page, "the page that asks for the password");
});
