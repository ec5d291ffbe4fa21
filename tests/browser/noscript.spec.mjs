// Everything but live updates works without JavaScript.

import { ADMIN, ADMIN_STATE, bodies, fillPerson, makeRoomByForm, PASSWORD, post, sayMany, signUpByForm, submit, unique, enter, logIn } from "./people.mjs";
import { Server } from "./server.mjs";
import { accessible, expect, fits, PHONE, STATUS, test } from "./test.mjs";

test("sign up, join, write, read older messages, leave, log out, log in", async ({ visitor, person, newRoom, expectComplaint }) => {
  const room = await newRoom("plain");
  const bob = await person("Bob");
  await enter(bob, room);
  await sayMany(bob, room, 120);

  const page = await visitor({ javaScriptEnabled: false });
  const who = { username: unique("ada"), first_name: "Ada" };
  await signUpByForm(page, who);
  await page.locator(`a[href='/chat/room/${room}']`).first().click();
  await page.locator(`form[action='/chat/room/${room}/join'] button`).first().click();
  await expect(page).toHaveURL(new RegExp(`/chat/room/${room}$`));

  const text = page.locator("#composer textarea");
  await text.fill("Written without a script\nin two lines");
  await page.locator("#composer button.send").click();
  await expect(page).toHaveURL(/#m-\d+$/);
  expect((await bodies(page)).at(-1)).toBe("Written without a script\nin two lines");
  await page.reload();
  const written = (await bodies(page)).filter((body) => body.startsWith("Written"));
  expect(written, "a reload sends nothing again").toHaveLength(1);
  // Live for everybody else.
  await expect(bob.locator("#messages").getByText("Written without a script")).toBeVisible();

  expectComplaint(STATUS(422));
  await text.fill("x".repeat(4_001));
  await page.locator("#composer button.send").click();
  await expect(page.locator("#composer-error")).not.toBeEmpty();
  await expect(text, "what was too long is kept").toHaveValue("x".repeat(4_001));

  await page.goto(`/chat/room/${room}`);
  for (let pages = 0; pages < 5 && (await page.locator("#older a").count()); pages += 1) await page.locator("#older a").click();
  await expect(page.getByText("Message 1", { exact: true })).toBeVisible();

  await page.goto(`/chat/room/${room}`);
  await page.locator(".room-menu summary").click();
  await page.locator(`form[action='/chat/room/${room}/leave'] button`).click();
  await page.goto("/chat/");
  await page.locator("details:has(form[action='/accounts/logout']) summary").first().click();
  await page.locator("form[action='/accounts/logout'] button").click();
  await page.goto("/chat/");
  await expect(page).toHaveURL(/\/accounts\/login/);
  await logIn(page, who.username);
  await expect(page).toHaveURL(/\/chat\/?/);
});

test("the administration works too", async ({ visitor }) => {
  const page = await visitor({ javaScriptEnabled: false, storageState: ADMIN_STATE });
  const room = unique("admin");
  await makeRoomByForm(page, room, "By hand.");
  await page.goto("/admin/users?q=stella");
  await expect(page.getByText("stella").first()).toBeVisible();
});

const TEXT = "Written before the log-in ended <b>\nand <i>kept";

const text = (page) => page.locator("#composer textarea");
const send = (page) => page.locator("#composer button.send").click();
/** As without a script, on a page that has one. */
const sendPlainly = (page) =>
  page.evaluate((body) => {
    const form = document.querySelector("#composer");
    form.elements.body.value = body;
    form.submit();
  }, TEXT);

async function logInHere(page, username, password = PASSWORD) {
  await page.locator("[name=login]").fill(username);
  await page.locator("[name=password]").fill(password);
  await submit(page);
}

test("a message that is refused is not lost, and not sent by itself", async ({ visitor, newRoom, expectComplaint }, info) => {
  expectComplaint(STATUS("4\\d\\d"));
  const room = await newRoom("kept");
  const page = await visitor({ javaScriptEnabled: false });
  const who = { username: unique("ada"), first_name: "Ada" };
  await signUpByForm(page, who);
  await post(page.context(), "/chat/", `/chat/room/${room}/join`, {});
  await page.goto(`/chat/room/${room}`);

  // The log-in ends elsewhere; its cookie stays in this browser.
  await text(page).fill(TEXT);
  const elsewhere = await visitor();
  await elsewhere.context().addCookies(await page.context().cookies());
  await post(elsewhere.context(), "/chat/", "/accounts/logout", {});
  await send(page);
  await logInHere(page, who.username, "not my password");
  await expect(page.locator("main").getByText("and <i>kept")).toBeVisible();
  await logInHere(page, who.username);
  await expect(text(page)).toHaveValue(TEXT);
  await expect(page).toHaveURL(new RegExp(`/chat/room/${room}/messages$`));
  await expect(page.getByText(`You are logged in as @${who.username}.`)).toBeVisible();
  await page.screenshot({ path: info.outputPath("room.png") });
  expect(await bodies(page)).toEqual([]);
  await send(page);
  await expect(page).toHaveURL(/#m-1$/);
  expect(await bodies(page)).toEqual([TEXT]);

  // A log-out in another tab.
  await text(page).fill("Once more");
  const tab = await page.context().newPage();
  await tab.goto("/chat/");
  await tab.locator("details:has(form[action='/accounts/logout']) summary").first().click();
  await tab.locator("form[action='/accounts/logout'] button").click();
  await expect(tab.getByRole("link", { name: "Log in" }).first()).toBeVisible();
  await send(page);
  await logInHere(page, who.username);
  await expect(text(page)).toHaveValue("Once more");
  await send(page);
  await expect(page).toHaveURL(/#m-2$/);

  // In another tab somebody else signs up.
  await text(page).fill("As whom?");
  await post(page.context(), "/chat/", "/accounts/logout", {});
  const bob = { username: unique("bob"), first_name: "Bob" };
  await signUpByForm(tab, bob);
  await send(page);
  await expect(page.getByText(`You are logged in as @${bob.username}.`)).toBeVisible();
  await page.getByRole("button", { name: "Join and send" }).click();
  await expect(page).toHaveURL(/#m-3$/);

  // Who left the room may join it again.
  await text(page).fill("Back again");
  await post(page.context(), "/chat/", `/chat/room/${room}/leave`, {});
  await send(page);
  await page.getByRole("button", { name: "Join and send" }).click();
  await expect(page).toHaveURL(/#m-4$/);
  expect(await bodies(page)).toEqual([TEXT, "Once more", "As whom?", "Back again"]);
});

test("without script one answers, changes and deletes a message, too", async ({ visitor, newRoom }) => {
  const room = await newRoom("plain");
  const page = await visitor({ javaScriptEnabled: false });
  await signUpByForm(page, { username: unique("ada"), first_name: "Ada" });
  await post(page.context(), "/chat/", `/chat/room/${room}/join`, {});
  await page.goto(`/chat/room/${room}`);
  await text(page).fill("the mooon");
  await send(page);
  const open = async () => {
    await page.goto(`/chat/room/${room}`);
    await page.locator("#m-1 .at").click({ force: true });
    await expect(page).toHaveURL(/around=1#m-1$/);
  };
  await open();
  await page.getByRole("link", { name: "Edit" }).click();
  await page.locator("#editor-body").fill("the moon");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.locator("#m-1 .body")).toHaveText("the moon");
  await open();
  await page.getByRole("link", { name: "Reply" }).click();
  await text(page).fill("which one?");
  await send(page);
  await expect(page.locator("#m-2 .quote")).toContainText("the moon");
  await open();
  await page.getByRole("link", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await expect(page.locator("#m-1 .lost")).toHaveText("Message deleted");
  await expect(page.locator("#m-2 .quote")).toContainText("Message deleted");
});

for (const [look, options] of Object.entries({
  "night, desk": { colorScheme: "dark" },
  "dawn, desk": { colorScheme: "light" },
  "night, phone": { colorScheme: "dark", ...PHONE },
  "dawn, phone": { colorScheme: "light", ...PHONE },
})) {
  test(`the pages that show a refused form again (${look})`, async ({ person, newRoom, expectComplaint }, info) => {
    expectComplaint(STATUS("4\\d\\d"));
    const room = await newRoom("kept");
    const page = await person("Ada", options);
    const shows = async (name) => {
      await fits(page, `${name} (${look})`);
      await accessible(page, `${name} (${look})`);
      await page.screenshot({ path: info.outputPath(`${name}.png`), fullPage: true });
    };
    await enter(page, room);
    await post(page.context(), "/chat/", "/accounts/logout", {});
    await sendPlainly(page);
    await expect(page.locator("main").getByText("and <i>kept")).toBeVisible();
    await shows("log-in");
    await logInHere(page, page.person.username);
    await expect(text(page)).toHaveValue(TEXT);
    await shows("room");
    await post(page.context(), "/chat/", `/chat/room/${room}/leave`, {});
    await sendPlainly(page);
    await expect(page.getByLabel("Your message")).toHaveValue(TEXT);
    await shows("join");

    await page.context().clearCookies();
    await page.goto("/accounts/signup");
    const who = { username: unique("ada"), first_name: "Ada", last_name: "Byron" };
    await fillPerson(page, who);
    await page.context().clearCookies();
    await submit(page);
    await expect(page.getByText("Byron")).toBeVisible();
    await shows("form");
    await submit(page);
    await expect(page.locator("[name=last_name]")).toHaveValue("Byron");
    await page.locator("[name=password]").fill(PASSWORD);
    await submit(page);
    await expect(page).toHaveURL(/\/chat\/$/);
  });
}

/** Clicks the button of the form twice, before the server has said anything. */
async function clickTwice(page, server) {
  const sent = [];
  page.on("request", (request) => request.method() === "POST" && sent.push(request));
  const { x, y, width, height } = await page.locator("main form button[type=submit]").boundingBox();
  server.freeze();
  for (const times of [1, 2]) {
    await page.mouse.click(x + width / 2, y + height / 2);
    await expect.poll(() => sent.length).toBe(times);
  }
  server.thaw();
}

test("a second click on the button that makes an account logs in", async ({ visitor }) => {
  const server = await Server.start();
  try {
    const page = await visitor({ javaScriptEnabled: false, viewport: { width: 1280, height: 1400 } });
    for (const [address, path, who] of [
      [server.setupUrl, "/admin/rooms", ADMIN],
      [`${server.url}/accounts/signup`, "/chat/", { username: "ada", first_name: "Ada" }],
    ]) {
      await page.context().clearCookies();
      await page.goto(address);
      await fillPerson(page, who);
      await clickTwice(page, server);
      await expect(page).toHaveURL(server.url + path);
      await page.reload();
      await expect(page.getByText(`@${who.username}`).first()).toBeAttached();
      await expect(page).toHaveURL(server.url + path);
    }
  } finally {
    await server.end();
  }
});
