// Two people in one room.

import { PASSWORD, bodies, composer, connected, enter, logIn, message, say, submit, unconfirmed, unique } from "./people.mjs";
import { expect, fits, PHONE, STATUS, test } from "./test.mjs";

const looks = [
  ["night", {}],
  ["dawn", { colorScheme: "light" }],
  ["phone", PHONE],
];

for (const [look, options] of looks) {
  test(`two people see each other's messages at once (${look})`, async ({ person, newRoom }) => {
    const room = await newRoom("talk", "For two.");
    const ada = await person("Ada Lovelace", options);
    const bob = await person("Bob Kahn", options);
    await enter(ada, room);
    await enter(bob, room);
    await expect(ada.locator("#online")).toHaveText(/2 online/);
    await expect(bob.locator("#online")).toHaveText(/2 online/);

    await say(ada, "Hello");
    await expect(message(bob, "Hello")).toBeVisible({ timeout: 2_000 });
    await expect(message(ada, "Hello")).toBeVisible();
    await expect(unconfirmed(ada)).toHaveCount(0);
    await expect(composer(ada)).toHaveValue("");
    await expect(composer(ada)).toBeFocused();

    for (const [page, text] of [[bob, "Hi Ada"], [ada, "How are you?"], [bob, "Fine.\nAnd you?"]]) {
      await composer(page).fill(text);
      await page.locator("#composer button.send").click();
      await expect(message(ada, text)).toBeVisible();
      await expect(message(bob, text)).toBeVisible();
    }
    const said = ["Hello", "Hi Ada", "How are you?", "Fine.\nAnd you?"];
    expect(await bodies(ada)).toEqual(said);
    expect(await bodies(bob)).toEqual(said);

    await Promise.all([ada.reload(), bob.reload()]);
    expect(await bodies(ada)).toEqual(said);
    expect(await bodies(bob)).toEqual(said);
    // Times are the reader's: Berlin is not UTC, in no season.
    const time = ada.locator("#messages > [id^='m-'] > .at time").first();
    const utc = new Date(await time.getAttribute("datetime"));
    const local = utc.toLocaleTimeString("en-GB", { timeZone: "Europe/Berlin", hour: "2-digit", minute: "2-digit" });
    await expect(time).toHaveText(local);
    await expect(ada.locator("#messages .day:visible")).toHaveText([/Today/]);

    await bob.close();
    await expect(ada.locator("#online")).toHaveText(/1 online/);
  });
}

for (const [look, options] of looks) {
  test(`people of one name are told apart (${look})`, async ({ person, newRoom }) => {
    const room = await newRoom("names");
    const reader = await person("Reader", options);
    await enter(reader, room);
    const names = ["Ana Ferreira", "Ana Ferreira", `Ana ${"Ferreira-".repeat(7)}`];
    for (const name of names) {
      const ana = await person(name);
      const { username } = ana.person;
      await enter(ana, room);
      await say(ana, username);
      await expect(message(reader, username)).toBeVisible();
      const item = reader.locator("#messages > [id^='m-']").last();
      await expect(item.locator(".author")).toHaveText(`${name} @${username}`);
      await expect(reader.locator("#messages > .event").last()).toContainText(`${name} @${username} joined`);
      // The username is there as a whole, and all of it is one line.
      const shown = await item.evaluate((line) => {
        const [author, user, time] = [".author", ".username", ":scope > .at"].map((part) => line.querySelector(part));
        const [a, u, t] = [author, user, time].map((part) => part.getBoundingClientRect());
        return { whole: user.scrollWidth <= user.clientWidth, lines: Math.round(a.height / 22), apart: u.right <= t.left, seen: t.right <= innerWidth };
      });
      expect(shown, name).toEqual({ whole: true, lines: 1, apart: true, seen: true });
    }
    await fits(reader, "the room");
  });
}

test("the composer keeps what is written, counts, and sends nothing empty", async ({ person }) => {
  const page = await person("Ada");
  await enter(page, "Random");
  const text = composer(page);

  await text.fill("   \n ");
  await text.press("Enter");
  await expect(unconfirmed(page)).toHaveCount(0);

  // What shows nothing is nothing, for the page as for the server.
  const form = page.locator("#composer");
  for (const blank of ["\u200B", "\u3164\n\u2800", "\u200D\uFE0F", "\u{E0061}", "\u{1D159}"]) {
    await text.fill("x");
    await expect(form).toHaveClass(/has-text/);
    await text.fill(blank);
    await expect(form).not.toHaveClass(/has-text/);
    await text.press("Enter");
    await expect(text).toHaveValue(blank);
  }
  await expect(unconfirmed(page)).toHaveCount(0);
  for (const seen of ["❤\uFE0F", "👩\u200D🚀", "ิ", "\u200Fسلام", "۝"]) {
    await text.fill(seen);
    await expect(form).toHaveClass(/has-text/);
  }

  await text.fill("");
  await text.pressSequentially("one");
  await text.press("Shift+Enter");
  await text.pressSequentially("two");
  await expect(text).toHaveValue("one\ntwo");
  await page.reload();
  await expect(text, "the draft is there after a reload").toHaveValue("one\ntwo");
  await connected(page);
  await text.press("Enter");
  await expect(message(page, "one\ntwo").last()).toBeVisible();
  await page.reload();
  await expect(text).toHaveValue("");

  // Emoji are one character each, as the server counts.
  await text.fill("🌙".repeat(3_990));
  await expect(page.locator("#composer .counter")).toHaveText("10 left");
  await text.fill("🌙".repeat(4_003));
  await expect(page.locator("#composer .counter")).toHaveText("3 too many");
  await text.press("Enter");
  await expect(page.locator("#composer-error")).toContainText("4,000");
  await expect(text).toHaveValue("🌙".repeat(4_003));
  // Tried again, it is said again: an alert tells only of changes.
  await page.evaluate(() => {
    window.said = [];
    const alert = document.querySelector("#composer-error");
    new MutationObserver(() => window.said.push(alert.textContent)).observe(alert, { childList: true });
  });
  await text.press("Enter");
  await expect.poll(() => page.evaluate(() => window.said)).toEqual(["", expect.stringContaining("4,000")]);
  await expect(unconfirmed(page)).toHaveCount(0);
  await text.fill("🌙".repeat(4_000));
  await expect(page.locator("#composer-error")).toHaveText("");
  await text.press("Enter");
  await expect(message(page, "🌙".repeat(4_000)).last()).toBeVisible();
});

test("a text keeps the indentation of its first line", async ({ person, newRoom }) => {
  const ada = await person("Ada");
  const bob = await person("Bob");
  const room = await newRoom("code");
  await enter(ada, room);
  await enter(bob, room);
  await composer(ada).fill("    if so:\n        go  \n\n");
  await composer(ada).press("Enter");
  for (const page of [ada, bob]) await expect.poll(() => bodies(page)).toEqual(["    if so:\n        go"]);
  await ada.reload();
  expect(await bodies(ada)).toEqual(["    if so:\n        go"]);
});

test("an input method's Enter does not send", async ({ person }) => {
  const page = await person("Aiko");
  await enter(page, "Random");
  await composer(page).fill("にほん");
  await composer(page).evaluate((text) => {
    const enter = { key: "Enter", isComposing: true, bubbles: true, cancelable: true };
    text.dispatchEvent(new KeyboardEvent("keydown", enter));
  });
  await expect(composer(page)).toHaveValue("にほん");
  await expect(unconfirmed(page)).toHaveCount(0);
});

test("messages that come while the page is hidden are counted in the title", async ({ person, newRoom }) => {
  const ada = await person("Ada");
  const bob = await person("Bob");
  const room = await newRoom("hidden");
  await enter(ada, room);
  await enter(bob, room);
  const title = await ada.title();
  const hide = (hidden) =>
    ada.evaluate((value) => {
      Object.defineProperty(document, "hidden", { value, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  await hide(true);
  const text = unique("psst");
  await say(bob, text);
  await expect(ada).toHaveTitle(/^\(\d+\) /);
  await expect(ada.locator("#announcer")).toContainText(/Bob.*psst|new messages/);
  // The same line again is announced again: the region is empty in between.
  await ada.evaluate(() => {
    window.said = [];
    const region = document.querySelector("#announcer");
    new MutationObserver(() => window.said.push(region.textContent)).observe(region, { childList: true });
  });
  await say(bob, text);
  await expect.poll(() => ada.evaluate(() => window.said)).toEqual(["", `Bob: ${text}`]);
  await hide(false);
  await expect(ada).toHaveTitle(title);
});

test("log-out in another tab ends the socket, and the page says so calmly", async ({ person, expectComplaint }) => {
  const page = await person("Ada");
  await enter(page, "Random");
  await composer(page).fill("half a thought");

  const other = await page.context().newPage();
  await other.goto("/chat/");
  await other.locator("form[action='/accounts/logout'] button").evaluate((button) => button.form.requestSubmit());
  await other.waitForURL((url) => !url.pathname.startsWith("/chat"));

  const banner = page.locator("#connection");
  await expect(banner).toBeVisible();
  await expect(banner).toContainText("You are signed out.");
  await expect(page.locator("#room")).toHaveClass(/disconnected/);
  await composer(page).press("Enter");
  await expect(composer(page), "what was written is kept").toHaveValue("half a thought");
  await expect(unconfirmed(page)).toHaveCount(0);

  expectComplaint(STATUS(401));
  await banner.getByRole("link", { name: "Log in" }).click();
  await expect(page).toHaveURL(/\/accounts\/login/);
  await page.locator("[name=login]").fill(page.person.username);
  await page.locator("[name=password]").fill(PASSWORD);
  await page.locator("main form button[type=submit]").click();
  await expect(page).toHaveURL(/\/chat\//);
  await enter(page, "Random");
  await expect(composer(page), "and is there after the log-in").toHaveValue("half a thought");
});

test("log-out leaves nothing in the browser of what was written and not sent", async ({ person, newRoom }) => {
  const page = await person("Ada");
  await enter(page, await newRoom("secret"));
  // A page that is never confirmed anything keeps it.
  await page.evaluate(() => (WebSocket.prototype.send = () => {}));
  await say(page, "not confirmed");
  await composer(page).fill("a draft");
  const kept = () => page.evaluate(() => Object.keys({ ...sessionStorage, ...localStorage }).filter((key) => /:(draft$|pending:)/.test(key)).length);
  await expect.poll(kept).toBe(2);
  await page.locator("details:has(form[action='/accounts/logout']) summary").first().click();
  await page.locator(".account form[action='/accounts/logout'] button").click();
  await page.getByRole("dialog").getByRole("button", { name: "Log out" }).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/chat"));
  expect(await page.evaluate(() => ({ ...sessionStorage, ...localStorage }))).toEqual({});
});

test("one can leave a room, log out, and log in with the e-mail address", async ({ visitor, person, expectComplaint }) => {
  const page = await person("Ada");
  await enter(page, "Random");
  await page.locator(".room-menu summary").click();
  await page.locator("form[action='/chat/room/Random/leave'] button").click();
  await page.waitForURL(/\/chat\/$/);
  await page.goto("/chat/room/Random");
  await expect(page.locator("form[action='/chat/room/Random/join']").first()).toBeVisible();

  const other = await visitor();
  await other.goto("/accounts/signup");
  const name = unique("mail");
  const email = `${name}@example.org`;
  for (const [field, value] of [["first_name", "Mail"], ["username", name], ["email", email]]) {
    await other.locator(`[name=${field}]`).fill(value);
  }
  await other.locator("[name=password]").fill(PASSWORD);
  await other.locator("[name=consent]").check();
  await other.locator("main form button[type=submit]").click();
  await other.waitForURL(/\/chat\/?$/);
  await other.context().clearCookies();
  await logIn(other, email);
  await expect(other).toHaveURL(/\/chat\/?$/);

  expectComplaint(STATUS("4\\d\\d"));
  await other.context().clearCookies();
  await logIn(other, name, "not the password at all");
  await expect(other.locator("[role=alert], .field-error").first()).toBeVisible();
  await expect(other.locator("[name=login]")).toHaveValue(name);
});

test("a field error stands at its field, and the rest of the form is kept", async ({ visitor, person, expectComplaint }) => {
  const { person: taken } = await person("Ada");
  const page = await visitor();
  expectComplaint(STATUS(422));
  await page.goto("/accounts/signup");
  await page.locator("[name=first_name]").fill("Second");
  await page.locator("[name=username]").fill(taken.username.toUpperCase());
  await page.locator("[name=password]").fill(PASSWORD);
  await submit(page);
  await expect(page.locator("#field-consent-error")).toBeVisible();
  await expect(page.locator("[name=consent]")).toBeFocused();

  await page.locator("[name=consent]").check();
  await page.locator("[name=password]").fill(PASSWORD);
  await submit(page);
  await expect(page.locator("#field-username-error")).toBeVisible();
  await expect(page.locator("[name=username]")).toBeFocused();
  await expect(page.locator("[name=username]")).toHaveValue(taken.username.toUpperCase());
  await expect(page.locator("[name=first_name]")).toHaveValue("Second");
  await expect(page.locator("[name=consent]")).toBeChecked();
});

test("the password field shows, hides and judges by length", async ({ visitor }) => {
  const page = await visitor();
  await page.goto("/accounts/signup");
  const field = page.locator("[name=password]");
  const strength = page.locator(".strength");
  await field.fill("short");
  await expect(strength).toHaveAttribute("data-level", "short");
  await expect(strength).toContainText("5 more characters");
  await field.fill(PASSWORD);
  await expect(strength).toHaveAttribute("data-level", "strong");
  const show = page.getByRole("button", { name: "Show the password" });
  await expect(show).toHaveAttribute("aria-pressed", "false");
  await show.click();
  await expect(field).toHaveAttribute("type", "text");
  await expect(show).toHaveAttribute("aria-pressed", "true");
  await show.click();
  await expect(field).toHaveAttribute("type", "password");
  await show.click();
  await page.locator("main form").evaluate((form) => {
    form.addEventListener("submit", (event) => event.preventDefault());
    form.requestSubmit();
  });
  await expect(field, "hidden again once it is sent").toHaveAttribute("type", "password");
});
