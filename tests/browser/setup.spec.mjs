// The first minutes of a server: setup by the one-time code, then rooms. The other specs build on what this leaves.

import { ADMIN, ADMIN_STATE, fillPerson, makeRoomByForm, submit } from "./people.mjs";
import { accessible, expect, STATUS, test } from "./test.mjs";

test.describe.configure({ mode: "serial" });

test("an empty server leads to setup, which needs the code", async ({ visitor, expectComplaint }) => {
  const page = await visitor();
  await page.goto("/chat/");
  await expect(page).toHaveURL(/\/setup$/);
  await accessible(page, "setup without code");

  expectComplaint(STATUS("4\\d\\d"));
  await page.goto("/setup?code=wrong");
  await fillPerson(page, ADMIN);
  await submit(page);
  await expect(page).toHaveURL(/\/setup/);
  // What was typed is still there, but not the password.
  await expect(page.locator("[name=username]")).toHaveValue(ADMIN.username);
  await expect(page.locator("[name=password]")).toHaveValue("");
});

test("setup makes the administrator, who makes rooms", async ({ visitor, expectComplaint }) => {
  const page = await visitor();
  await page.goto(process.env.UMBRACHAT_TEST_SETUP);
  await accessible(page, "setup");
  await fillPerson(page, ADMIN);
  await submit(page);
  await page.waitForURL((url) => !url.pathname.startsWith("/setup"));
  await makeRoomByForm(page, "General", "Everything that has no other place.");
  await makeRoomByForm(page, "Random", "Anything goes.");

  // A room can be altered, archived, restored and deleted, the last one only after a question.
  await makeRoomByForm(page, "Brief", "Not for long.");
  await page.goto("/admin/rooms/Brief/edit");
  await accessible(page, "edit a room");
  await page.locator("main [name=topic]").fill("For a short while.");
  await submit(page);
  await expect(page.locator("main").getByText("For a short while.")).toBeVisible();
  await page.goto("/admin/rooms/Brief/delete");
  await accessible(page, "delete a room");
  await page.locator("main button.danger").click();
  await expect(page.locator("a[href='/chat/room/Brief']")).toHaveCount(0);

  await page.context().storageState({ path: ADMIN_STATE });

  // The code worked once.
  expectComplaint(STATUS("4\\d\\d"));
  await page.context().clearCookies();
  await page.goto(process.env.UMBRACHAT_TEST_SETUP);
  await expect(page.locator("[name=consent]")).toHaveCount(0);
});
