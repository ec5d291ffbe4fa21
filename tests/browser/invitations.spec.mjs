// How people get into private rooms: by an invitation, by a link, and by a room's name.

import { connected, fillPerson, message, say, unique } from "./people.mjs";
import { accessible, expect, fits, PHONE, test } from "./test.mjs";

/** Makes a private room; ends in it. */
async function makePrivate(page, title) {
  await page.goto("/chat/rooms");
  await page.getByRole("textbox", { name: "Name" }).fill(title);
  await page.getByRole("button", { name: "Make the room" }).click();
  await expect(page.getByRole("heading", { name: title })).toBeVisible();
  await connected(page);
}

/** The page on which people are let into the open room. */
async function openInvites(page) {
  await page.locator("summary[aria-label='Room menu']").click();
  await page.getByRole("link", { name: "Invite people" }).click();
}

test("who is invited sees it without a reload, and accepts", async ({ person }) => {
  const [ada, bob, title] = [await person("Ada"), await person("Bob"), unique("watch")];
  await bob.goto("/chat/");
  await expect(bob.getByRole("link", { name: /^Friends/ })).toBeVisible();
  await expect(bob.getByRole("link", { name: /^Invitations/ })).toHaveCount(0);
  await makePrivate(ada, title);
  await say(ada, "from before");
  await openInvites(ada);
  await ada.getByRole("textbox", { name: "Username" }).fill(bob.person.username);
  await ada.getByRole("button", { name: "Invite", exact: true }).click();
  await expect(ada.getByText("No answer yet")).toBeVisible();
  await accessible(ada, "invite people");

  const row = bob.getByRole("link", { name: /^Invitations/ });
  await expect(row).toHaveAccessibleName("Invitations 1 waiting");
  await row.click();
  await expect(row).toHaveAttribute("aria-current", "page");
  await accessible(bob, "invitations");
  await bob.getByRole("button", { name: `Accept the invitation to ${title}` }).click();
  await expect(bob.getByRole("heading", { name: title })).toBeVisible();
  await expect(message(bob, "from before")).toBeVisible();
  await expect(row).toHaveCount(0);
  await expect(bob.locator("#my-rooms").getByRole("link", { name: title })).toHaveAttribute("aria-current", "page");
});

test("an invitation that is taken back vanishes from the page that shows it", async ({ person }) => {
  const [ada, bob, title] = [await person("Ada"), await person("Bob"), unique("watch")];
  await makePrivate(ada, title);
  await openInvites(ada);
  await bob.goto("/invitations");
  await expect(bob.getByRole("heading", { name: "No invitations" })).toBeVisible();
  await ada.getByRole("textbox", { name: "Username" }).fill(bob.person.username);
  await ada.getByRole("button", { name: "Invite", exact: true }).click();
  await expect(bob.getByRole("button", { name: `Decline the invitation to ${title}` })).toBeVisible();
  await ada.getByRole("button", { name: "Withdraw the invitation of Bob" }).click();
  await expect(bob.getByRole("heading", { name: "No invitations" })).toBeVisible();
});

test("a visitor follows a link, signs up, and is in the room", async ({ person, visitor }) => {
  const [ada, title] = [await person("Ada"), unique("watch")];
  await makePrivate(ada, title);
  await openInvites(ada);
  await ada.getByRole("combobox", { name: "Good for" }).selectOption("One day");
  await ada.getByRole("spinbutton", { name: "For how many people" }).fill("1");
  await ada.getByRole("button", { name: "Make a link" }).click();
  const link = await ada.getByRole("textbox", { name: "Link" }).inputValue();
  const { pathname } = new URL(link);
  await ada.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await ada.getByRole("button", { name: "Copy" }).click();
  await expect(ada.locator(".toast")).toContainText("Copied.");
  expect(await ada.evaluate(() => navigator.clipboard.readText())).toBe(link);
  await accessible(ada, "a link that was made");

  const dora = await visitor({ ...PHONE, javaScriptEnabled: false });
  await dora.goto(pathname);
  await expect(dora.getByRole("heading", { name: `Join ${title}` })).toBeVisible();
  await expect(dora.getByText(`@${ada.person.username} invites you`)).toBeVisible();
  await dora.getByRole("link", { name: "Create an account" }).click();
  await fillPerson(dora, { username: unique("dora"), first_name: "Dora" });
  await dora.getByRole("button", { name: "Create account and join the room" }).click();
  await expect(dora.getByRole("heading", { name: title })).toBeVisible();
  await ada.getByRole("link", { name: "Done" }).click();
  await expect(ada.getByRole("button", { name: /^Revoke/ })).toHaveCount(0);
});

test("a name leads to my room, or to the form of a new one", async ({ person }) => {
  const [ada, title] = [await person("Ada", PHONE), unique("Night watch")];
  await ada.goto("/chat/");
  await fits(ada, "the chat home of somebody without rooms");
  await accessible(ada, "the chat home of somebody without rooms");
  const field = ada.getByRole("textbox", { name: "Join or create a room" });
  await field.fill(title);
  await field.press("Enter");
  await expect(ada.getByRole("textbox", { name: "Name" })).toHaveValue(title);
  await ada.getByRole("button", { name: "Make the room" }).click();
  await expect(ada.getByRole("heading", { name: title })).toBeVisible();
  await ada.goto("/chat/");
  await field.fill(title.toUpperCase());
  await field.press("Enter");
  await expect(ada.getByRole("heading", { name: title })).toBeVisible();
});
