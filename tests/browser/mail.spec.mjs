// Links in mails as a person meets them, and what an administrator sees of mails that cannot be sent.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { PASSWORD, setUp, signUp, submit, unique } from "./people.mjs";
import { freePort, Server } from "./server.mjs";
import { accessible, expect, fits, LOST_CONNECTION, PHONE, STATUS, test as base } from "./test.mjs";

const NEW_PASSWORD = "eight loud suns under the hill";
const MAIL_FROM = "UmbraChat <chat@example.org>";

/** A mail server; `link(address)` waits for the next mail with a link to that address, and gives its path. */
async function startMailServer() {
  const folder = mkdtempSync(join(tmpdir(), "umbrachat-mails-"));
  // Debian's has the library; another one may come first in the path.
  const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
  const program = spawn(python, [resolve("tests/it/smtp.py"), folder], { stdio: ["pipe", "pipe", "inherit"] });
  const port = await new Promise((done, failed) => {
    createInterface(program.stdout).once("line", done);
    program.once("exit", () => failed(new Error("python3-aiosmtpd is missing: scripts/need.sh python")));
  });
  const read = new Set();
  const next = (address) => {
    for (const name of readdirSync(folder)) {
      const mail = readFileSync(join(folder, name), "utf8").replaceAll(/=\r?\n/g, "");
      if (name.endsWith(".part") || read.has(name) || !mail.includes(address)) continue;
      read.add(name);
      const found = mail.match(/http:\/\/[^/]+(\/accounts\/\S+)/);
      if (found) return found[1];
    }
    return null;
  };
  const link = async (address) => {
    let found = null;
    const options = { message: `a mail to ${address}`, intervals: [100] };
    await expect.poll(() => (found ??= next(address)), options).not.toBeNull();
    return found;
  };
  const end = () => {
    program.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url: `smtp://127.0.0.1:${port}`, link, end };
}

const test = base.extend({
  mails: [
    async ({}, use) => {
      const mails = await startMailServer();
      await use(mails);
      mails.end();
    },
    { scope: "worker" },
  ],
  server: [
    async ({ mails, browser }, use) => {
      const server = await Server.start({ SMTP_URL: mails.url, MAIL_FROM });
      const page = await browser.newPage();
      await setUp(page, server.setupUrl);
      await page.close();
      await use(server);
      await server.end();
    },
    { scope: "worker", timeout: 90_000 },
  ],
  baseURL: ({ server }, use) => use(server.url),
});

const LOOKS = [
  ["night, desk", { colorScheme: "dark" }],
  ["dawn, desk", { colorScheme: "light" }],
  ["night, phone", { colorScheme: "dark", ...PHONE }],
  ["dawn, phone", { colorScheme: "light", ...PHONE }],
];

async function looksRight(page, where) {
  await fits(page, where);
  await accessible(page, where);
}

/** Signs up with an address, logged in on a page of their own; gives them, with the link that was mailed. */
async function signUpWithAddress(page, mails, first_name) {
  const username = unique(first_name.toLowerCase());
  const person = { username, first_name, email: `${username}@example.org` };
  await signUp(page, person);
  return { ...person, link: await mails.link(person.email) };
}

for (const [look, options] of LOOKS) {
  test(`an address is confirmed by its link (${look})`, async ({ visitor, mails, server, expectComplaint }) => {
    expectComplaint(STATUS(404));
    expectComplaint(STATUS(409));
    const page = await visitor(options);
    const ada = await signUpWithAddress(page, mails, "Ada");
    await page.goto("/settings/email");
    await expect(page.locator("main .chip")).toHaveText("Not confirmed");

    await page.goto(ada.link);
    await looksRight(page, `confirm (${look})`);
    await submit(page);
    await expect(page.getByRole("heading", { name: "Your address is confirmed" })).toBeVisible();
    await page.goto("/settings/email");
    await expect(page.locator("main .chip")).toHaveText("Confirmed");

    // Once.
    expect((await page.goto(ada.link)).status()).toBe(404);
    await expect(page.getByRole("heading", { name: "This link does not work any more" })).toBeVisible();
    await looksRight(page, `confirmed before (${look})`);

    // Another address, of which somebody else was the first to confirm that it is theirs.
    const other = `${unique("shared")}@example.org`;
    const ask = async (page) => {
      await page.goto("/settings/email");
      await page.locator("main [name=email]").fill(other);
      await page.locator("main [name=password]").fill(PASSWORD);
      await page.locator("main form button[type=submit]").last().click();
      await expect(page.getByText("Look into your mail")).toBeVisible();
    };
    await ask(page);
    await looksRight(page, `mailed (${look})`);
    const first = await mails.link(other);
    const bob = await visitor(options);
    await signUpWithAddress(bob, mails, "Bob");
    await ask(bob);
    const second = await mails.link(other);
    await page.goto(first);
    await submit(page);
    await expect(page.getByRole("heading", { name: "Your address is confirmed" })).toBeVisible();
    await bob.goto(second);
    await submit(bob);
    await expect(bob.getByText("Another account has confirmed this address already.")).toBeVisible();
    await looksRight(bob, `confirmed by another (${look})`);
  });

  test(`a forgotten password is replaced by a link (${look})`, async ({ visitor, mails, server, expectComplaint }) => {
    expectComplaint(STATUS(404));
    expectComplaint(STATUS(422));
    const known = await visitor(options);
    const ada = await signUpWithAddress(known, mails, "Ada");
    await known.goto(ada.link);
    await submit(known);

    const page = await visitor(options);
    const ask = async (login) => {
      await page.goto("/accounts/login");
      await page.getByRole("link", { name: "Forgot" }).click();
      await page.locator("[name=login]").fill(login);
      await submit(page);
      await expect(page.getByRole("heading", { name: "Look into your mail" })).toBeVisible();
    };
    await ask("nobody-of-that-name");
    const answer = await page.locator("main").textContent();
    await ask(ada.username);
    expect(await page.locator("main").textContent(), "it does not tell who has an account").toBe(answer);
    await looksRight(page, `asked for (${look})`);

    const link = await mails.link(ada.email);
    await page.goto(link);
    await expect(page.getByText(`For the account @${ada.username}`)).toBeVisible();
    for (const [password, sentence] of [["short", "Use at least 10 characters."], ["password123", "This is easy to guess."]]) {
      await page.locator("[name=password]").fill(password);
      await submit(page);
      await expect(page.locator(".field-error")).toContainText(sentence);
      await expect(page.locator("[name=password]"), "what is wrong is where one goes on").toBeFocused();
      await expect(page.locator("[name=password]"), "it is not sent back").toHaveValue("");
      await looksRight(page, `new password, refused (${look})`);
    }
    await page.locator("[name=password]").fill(NEW_PASSWORD);
    await submit(page);
    await expect(page.getByRole("heading", { name: "Your password is changed" })).toBeVisible();
    await known.goto("/chat/");
    await expect(known, "all sessions have ended").toHaveURL(/\/accounts\/login/);
    await page.getByRole("link", { name: "Log in" }).last().click();
    await page.locator("[name=login]").fill(ada.email);
    await page.locator("[name=password]").fill(NEW_PASSWORD);
    await submit(page);
    await page.waitForURL(/\/chat\/?$/);

    // Used, and too old: both lead to a new one.
    expect((await page.goto(link)).status()).toBe(404);
    await expect(page.getByRole("heading", { name: "This link does not work any more" })).toBeVisible();
    await page.getByRole("link", { name: "Ask for a new link" }).click();
    await page.locator("[name=login]").fill(ada.email);
    await submit(page);
    const tooOld = await mails.link(ada.email);
    await page.goto(tooOld);
    server.sql("UPDATE login_tokens SET expires_at = now()");
    await page.locator("[name=password]").fill(PASSWORD);
    await submit(page);
    await expect(page.getByRole("heading", { name: "This link does not work any more" })).toBeVisible();
    await looksRight(page, `too old (${look})`);
  });
}

test("mails that cannot be sent are seen and tried again", async ({ visitor, expectComplaint }) => {
  // At the end.
  expectComplaint(LOST_CONNECTION);
  const server = await Server.start({ SMTP_URL: `smtp://127.0.0.1:${await freePort()}`, MAIL_FROM });
  try {
    const setup = await visitor({ baseURL: server.url });
    await setUp(setup, server.setupUrl);
    const state = await setup.context().storageState();
    for (const name of ["ada", "bob"]) {
      const page = await visitor({ baseURL: server.url });
      await signUp(page, { username: name, first_name: name, email: `${name}@example.org` });
    }
    const failed = () => server.sql("SELECT count(*) FROM jobs WHERE last_error IS NOT NULL");
    await expect.poll(failed).toBe("2");
    server.sql("UPDATE jobs SET attempts = 6, given_up_at = now()");
    for (const [look, options] of LOOKS) {
      const page = await visitor({ baseURL: server.url, storageState: state, ...options });
      await page.goto("/admin/");
      await expect(page.getByText("2 jobs were given up.")).toBeVisible();
      await looksRight(page, `overview (${look})`);
      await page.getByRole("link", { name: "See why" }).click();
      await expect(page.getByText("ada@example.org")).toBeVisible();
      await looksRight(page, `jobs (${look})`);
    }
    const page = await visitor({ baseURL: server.url, storageState: state });
    await page.goto("/admin/jobs");
    const rows = page.locator("#jobs li");
    await rows.filter({ hasText: "bob@example.org" }).getByRole("button", { name: "Discard" }).click();
    await expect(page.getByText("It is discarded.")).toBeVisible();
    await expect(rows).toHaveCount(1);
    await rows.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByText("It is tried again now.")).toBeVisible();
    await expect(page.getByText("Everything is done")).toBeVisible();
    // It fails once more.
    await expect(async () => {
      await page.reload();
      await expect(rows).toHaveCount(1, { timeout: 1000 });
    }).toPass();
  } finally {
    await server.end();
  }
});
