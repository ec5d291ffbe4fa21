// Settings, Programs: a key is made and shown once, and programs are put out where they stand.

import { PASSWORD } from "./people.mjs";
import { accessible, expect, fits, PHONE, STATUS, test } from "./test.mjs";

async function logInProgram(page, request) {
  const data = { username: page.person.username, password: PASSWORD };
  const answer = await request.post(new URL("/api/token/", page.url()).href, { data, headers: { "user-agent": "Night backup 1.2" } });
  expect(answer.ok()).toBe(true);
}

for (const [look, options] of Object.entries({
  night: { colorScheme: "dark" },
  dawn: { colorScheme: "light" },
  phone: { colorScheme: "dark", ...PHONE },
})) {
  test(`keys and programs come and go (${look})`, async ({ person, request, expectComplaint }) => {
    expectComplaint(STATUS(422));
    const page = await person("Ada", options);
    await page.goto("/settings/api");
    await expect(page.getByText("No program is logged in.")).toBeVisible();
    await accessible(page, `no programs (${look})`);
    await page.getByRole("button", { name: "Make a key" }).click();
    await expect(page.locator("#field-name-error")).toHaveText("Enter a name.");
    await expect(page.locator("#field-name")).toBeFocused();
    await page.locator("#field-name").fill("Night backup");
    await page.getByRole("button", { name: "Make a key" }).click();
    const key = await page.locator("#key-secret").inputValue();
    expect(key).toMatch(/^[\w-]{43}=$/);
    await expect(page.getByRole("button", { name: "Copy the key" })).toBeVisible();
    await fits(page, "new key");
    await accessible(page, `new key (${look})`);
    await logInProgram(page, request);
    await page.getByRole("link", { name: "Done" }).click();
    await expect(page.locator("#api")).toContainText("never used");
    expect(await page.content()).not.toContain(key);
    await fits(page, "programs");
    await accessible(page, `programs (${look})`);
    await page.getByRole("button", { name: "End Night backup 1.2" }).click();
    await expect(page.getByText("No program is logged in.")).toBeVisible();
    await page.getByRole("button", { name: "Revoke the key Night backup" }).click();
    await expect(page.locator("#api")).not.toContainText("Night backup");
    await expect(page.locator(".toast")).toContainText("The key is revoked.");
  });
}
