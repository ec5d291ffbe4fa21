// The page about what programs use.

import { PASSWORD, unique } from "./people.mjs";
import { accessible, expect, fits, PHONE, test } from "./test.mjs";

test("a room is made from the page, with a token", async ({ visitor }) => {
  const page = await visitor(PHONE);
  await page.goto("/api/docs");
  const operation = async (id, fields) => {
    const details = page.locator(`#${id}`);
    await details.locator("> summary").press("Enter");
    if (fields) await details.getByLabel("Body", { exact: true }).fill(JSON.stringify(fields));
    await details.getByRole("button", { name: "Send" }).press("Enter");
    await expect(details.locator("output")).toHaveText(/^2\d\d /);
    return details.locator("pre").textContent();
  };
  const username = unique("robin");
  await operation("post_register", { username, password: PASSWORD, consent: true });
  const tokens = await operation("post_token", { username, password: PASSWORD });
  await page.getByLabel("Access token").fill(/"access": "([^"]+)"/.exec(tokens)[1]);
  expect(await operation("post_rooms", { name: "Stargazing" })).toContain("location: /api/rooms/");
  expect(await operation("get_rooms")).toContain('"name": "Stargazing"');
  await fits(page, "the page with answers");
  await accessible(page, "the page with answers");
});

test("without a script the page reads well and has no forms", async ({ visitor }) => {
  const page = await visitor({ javaScriptEnabled: false });
  await page.goto("/api/docs");
  await expect(page.getByText("JavaScript has to be on")).toBeVisible();
  await page.locator("#post_rooms > summary").click();
  await expect(page.locator("#post_rooms")).toContainText("1 to 64 characters");
  await expect(page.locator("form[data-path]:visible, #token-field:visible")).toHaveCount(0);
});
