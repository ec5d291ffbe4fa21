// Files: chosen, pasted and dropped, sent while the message is written, seen by others; and pictures as large as they fit.

import { composer, connected, enter, unconfirmed, unique } from "./people.mjs";
import { accessible, expect, fits, LOST_CONNECTION, PHONE, STATUS, test } from "./test.mjs";

const UPLOAD = "**/chat/room/*/files";
/** What the browser says of a request that the spec itself breaks. */
const BROKEN = /net::ERR_FAILED/;

const tray = (page) => page.locator("#attachments");
const inTray = (page, name) => tray(page).locator("li", { hasText: name });
/** Those that are there, of the next message. */
const uploaded = (page) => tray(page).locator("li:not(:has(progress:not([hidden]))):not(:has([data-problem]:not(:empty)))");
const pictures = (page) => page.locator("#messages > [id^='m-'] a[data-picture] > img");
const cards = (page) => page.locator("#messages > [id^='m-'] a[data-file]");

const textFile = (name, text = "stars") => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });

/** A picture, drawn by the browser. */
async function drawn(page, name, width = 400, height = 200) {
  const address = await page.evaluate(
    ([width, height]) => {
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      const context = canvas.getContext("2d");
      context.fillStyle = "teal";
      context.fillRect(0, 0, width / 2, height);
      return canvas.toDataURL("image/png");
    },
    [width, height],
  );
  return { name, mimeType: "image/png", buffer: Buffer.from(address.split(",")[1], "base64") };
}

/** What is dragged or copied, as the browser hands it over. */
const transfer = (page, files, words = "") =>
  page.evaluateHandle(
    ([files, words]) => {
      const data = new DataTransfer();
      for (const { name, type, bytes } of files) data.items.add(new File([new Uint8Array(bytes)], name, { type }));
      if (words) data.setData("text/plain", words);
      return data;
    },
    [files.map(({ name, mimeType, buffer }) => ({ name, type: mimeType, bytes: [...buffer] })), words],
  );

/** Pastes into the composer; whether the page took it. */
const paste = (page, data) =>
  composer(page).evaluate((text, clipboardData) => {
    const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
    return !text.dispatchEvent(event);
  }, data);

const choose = (page, ...files) => page.locator("#attach-input").setInputFiles(files);

/** Uploads wait until `letGo` is called; `held` has them. */
async function hold(page) {
  const held = [];
  let letGo;
  const gone = new Promise((done) => (letGo = done));
  await page.route(UPLOAD, async (route) => {
    held.push(route);
    await gone;
    // It may have been given up meanwhile.
    await route.continue().catch(() => {});
  });
  return { held, letGo };
}

/** Two people in a room of their own. */
async function pair({ person, newRoom }, options) {
  const room = await newRoom("files");
  const pages = [await person("Ada", options), await person("Bob", options)];
  for (const page of pages) await enter(page, room);
  return pages;
}

for (const [look, options] of [
  ["night", { colorScheme: "dark" }],
  ["dawn, phone", { ...PHONE, colorScheme: "light" }],
]) {
  test(`several files go with a text, and others see them at once (${look})`, async ({ person, newRoom }) => {
    const [ada, bob] = await pair({ person, newRoom }, options);
    const text = unique("the night of the meteors");
    await choose(ada, await drawn(ada, "meteor.png"), textFile("notes.txt"));
    await expect(inTray(ada, "meteor.png").locator("canvas")).toBeVisible();
    await expect(uploaded(ada)).toHaveCount(2);
    await expect(inTray(ada, "notes.txt")).toContainText("5 bytes");
    await expect(composer(ada)).toBeFocused();
    await accessible(ada, "files to send");
    await fits(ada, "files to send");
    await composer(ada).fill(text);
    await composer(ada).press("Control+Enter");
    await expect(tray(ada)).toBeHidden();
    await expect(unconfirmed(ada)).toHaveCount(0);
    for (const page of [ada, bob]) {
      await expect(page.locator("#messages > [id^='m-']")).toContainText([text]);
      await expect(pictures(page)).toHaveAttribute("width", /^\d+$/);
      await expect(pictures(page)).toHaveAttribute("height", /^\d+$/);
      await expect.poll(() => pictures(page).evaluate((image) => image.naturalWidth)).toBeGreaterThan(0);
      await expect(cards(page)).toContainText("notes.txt");
      await fits(page, "a message with files");
    }
    await accessible(bob, "a message with files");
  });
}

test("files go without a text, and by the button", async ({ person, newRoom }) => {
  const [ada, bob] = await pair({ person, newRoom });
  const chooser = ada.waitForEvent("filechooser");
  await ada.getByLabel("Attach files").click();
  await (await chooser).setFiles([textFile("alone.txt")]);
  await expect(uploaded(ada)).toHaveCount(1);
  await expect(ada.locator("#composer")).toHaveClass(/has-text/);
  await ada.getByRole("button", { name: "Send", exact: true }).click();
  await expect(cards(bob)).toContainText("alone.txt");
  await expect(tray(ada)).toBeHidden();
  await expect(ada.locator("#composer")).not.toHaveClass(/has-text/);
});

test("a picture is pasted; text is pasted as ever", async ({ person, newRoom }) => {
  const [ada, bob] = await pair({ person, newRoom });
  const picture = await drawn(ada, "");
  expect(await paste(ada, await transfer(ada, [], "only words"))).toBe(false);
  expect(await paste(ada, await transfer(ada, [await drawn(ada, "image.png")], "a table\tas text")), "text, and a picture of it").toBe(false);
  await expect(tray(ada)).toBeHidden();
  expect(await paste(ada, await transfer(ada, [picture]))).toBe(true);
  await expect(inTray(ada, "picture.png")).toBeVisible();
  await expect(uploaded(ada)).toHaveCount(1);
  await composer(ada).press("Enter");
  await expect(pictures(bob)).toHaveCount(1);
});

test("files are dropped on the room", async ({ person, newRoom }) => {
  const [ada, bob] = await pair({ person, newRoom });
  const dataTransfer = await transfer(ada, [textFile("one.txt"), textFile("two.txt")]);
  const hint = ada.locator("#drop-hint");
  await ada.dispatchEvent("#scroller", "dragover", { dataTransfer });
  await expect(hint).toBeVisible();
  await ada.dispatchEvent("#scroller", "dragleave", { dataTransfer });
  await expect(hint).toBeHidden();
  await ada.dispatchEvent("#scroller", "dragover", { dataTransfer });
  await ada.dispatchEvent("#drop-hint", "drop", { dataTransfer });
  await expect(hint).toBeHidden();
  await expect(uploaded(ada)).toHaveCount(2);
  await composer(ada).press("Enter");
  await expect(cards(bob)).toHaveCount(2);
});

test("three are on their way at once; what is given up is gone", async ({ person, newRoom }) => {
  const [ada, bob] = await pair({ person, newRoom });
  const { held, letGo } = await hold(ada);
  await choose(ada, ...["a", "b", "c", "d"].map((name) => textFile(`${name}.txt`)));
  await expect.poll(() => held.length).toBe(3);
  await expect(tray(ada).locator("progress")).toHaveCount(4);
  await expect(inTray(ada, "a.txt").getByRole("progressbar")).toHaveAccessibleName("Upload of a.txt");
  await ada.getByRole("button", { name: "Remove a.txt" }).click();
  await expect(inTray(ada, "a.txt")).toHaveCount(0);
  await expect(composer(ada)).toBeFocused();
  await expect.poll(() => held.length).toBe(4);
  letGo();
  await expect(uploaded(ada)).toHaveCount(3);

  const deleted = ada.waitForResponse((answer) => answer.request().method() === "DELETE");
  await ada.getByRole("button", { name: "Remove b.txt" }).click();
  expect((await deleted).status()).toBe(204);
  await composer(ada).press("Enter");
  await expect(cards(bob)).toHaveCount(2);
  await expect(cards(bob)).toContainText(["c.txt", "d.txt"]);
});

test("Send waits for what is on its way", async ({ person, newRoom }) => {
  const [ada, bob] = await pair({ person, newRoom });
  const { held, letGo } = await hold(ada);
  const text = unique("here they come");
  await choose(ada, textFile("slow.txt"), textFile("dropped.txt"));
  await expect.poll(() => held.length).toBe(2);
  await composer(ada).fill("here");
  await composer(ada).press("Enter");
  await expect(ada.locator("#attaching")).toContainText("as soon as all its files are uploaded");
  await expect(composer(ada)).toHaveValue("here");
  await composer(ada).fill(text);
  await ada.getByRole("button", { name: "Remove dropped.txt" }).click();
  await expect(unconfirmed(ada)).toHaveCount(0);
  letGo();
  await expect(cards(bob)).toHaveText(/slow\.txt/);
  await expect(bob.locator("#messages > [id^='m-']")).toContainText([text]);
  await expect(composer(ada)).toHaveValue("");
  await expect(ada.locator("#attaching")).toBeEmpty();
});

test("what fails is told, and tried again", async ({ person, newRoom, expectComplaint }) => {
  expectComplaint(BROKEN);
  for (const code of [409, 429]) expectComplaint(STATUS(code));
  const [ada, bob] = await pair({ person, newRoom });
  const text = unique("not yet");
  await ada.route(UPLOAD, (route) => route.abort(), { times: 1 });
  await choose(ada, textFile("lost.txt"));
  await expect(inTray(ada, "lost.txt")).toContainText("The server could not be reached.");
  await composer(ada).fill(text);
  await composer(ada).press("Enter");
  await expect(ada.locator("#composer-error")).toContainText("a file could not be uploaded");
  await expect(composer(ada)).toHaveValue(text);
  await accessible(ada, "a file that failed");

  // Too often: the next try comes by itself.
  const busy = { status: 429, headers: { "Retry-After": "1" }, json: { error: { code: "too_many", message: "Too often." } } };
  await ada.route(UPLOAD, (route) => route.fulfill(busy), { times: 1 });
  await ada.getByRole("button", { name: "Try lost.txt again" }).click();
  await expect(uploaded(ada)).toHaveCount(1);
  await expect(ada.locator("#composer-error")).toBeEmpty();

  // In the server's words; and a message that waits for it waits no longer.
  const full = { status: 409, json: { error: { code: "conflict", message: "You have no room left for files." } } };
  const { held, letGo } = await hold(ada);
  await choose(ada, textFile("last.txt"));
  await composer(ada).press("Enter");
  await expect.poll(() => held.length).toBe(1);
  await held[0].fulfill(full);
  await expect(inTray(ada, "last.txt")).toContainText(full.json.error.message);
  await expect(ada.locator("#composer-error")).toContainText("a file could not be uploaded");
  letGo();
  await ada.getByRole("button", { name: "Remove last.txt" }).click();
  await composer(ada).press("Enter");
  await expect(cards(bob)).toHaveText(/lost\.txt/);
});

test("what the network swallows goes out when it is back", async ({ person, newRoom, expectComplaint }) => {
  expectComplaint(LOST_CONNECTION);
  const [ada, bob] = await pair({ person, newRoom });
  await ada.context().setOffline(true);
  await expect(ada.locator("#room")).toHaveClass(/disconnected/);
  await choose(ada, textFile("later.txt"));
  await expect(inTray(ada, "later.txt")).toContainText("It is tried again when you are back.");
  await ada.context().setOffline(false);
  await expect(uploaded(ada)).toHaveCount(1);
  await composer(ada).press("Enter");
  await expect(cards(bob)).toHaveText(/later\.txt/);
});

test("what is too large or too many is refused before anything is sent", async ({ person, newRoom, expectComplaint }) => {
  expectComplaint(BROKEN);
  const [ada] = await pair({ person, newRoom });
  const { held } = await hold(ada);
  await ada.locator("#attach-input").evaluate((input) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(Number(input.dataset.max) + 1)], "huge.bin"));
    input.files = data.files;
    input.dispatchEvent(new Event("change"));
  });
  await expect(inTray(ada, "huge.bin")).toContainText("It is too large");
  await expect(ada.getByRole("button", { name: "Try huge.bin again" })).toHaveCount(0);
  expect(held).toEqual([]);
  await ada.getByRole("button", { name: "Remove huge.bin" }).click();
  await expect(tray(ada)).toBeHidden();

  await choose(ada, ...Array.from({ length: 11 }, (_, at) => textFile(`${at}.txt`)));
  await expect(tray(ada).locator("li")).toHaveCount(10);
  await expect(ada.locator("#attaching")).toContainText("at most 10 files");
  // Of so many not all are in sight: what was added last is, and what failed.
  await expect(inTray(ada, "9.txt")).toBeInViewport();
  await expect(inTray(ada, "0.txt")).not.toBeInViewport();
  await expect.poll(() => held.length).toBe(3);
  await held[0].abort();
  await expect(inTray(ada, "0.txt")).toBeInViewport();
});

test("what is uploaded survives a reload; what is gone by then is told", async ({ person, newRoom }) => {
  const [ada, bob] = await pair({ person, newRoom });
  await choose(ada, textFile("kept.txt"));
  await expect(uploaded(ada)).toHaveCount(1);
  await ada.reload();
  await connected(ada);
  await expect(uploaded(ada)).toContainText("kept.txt");
  await composer(ada).press("Enter");
  await expect(cards(bob)).toHaveText(/kept\.txt/);
  await expect(tray(ada)).toBeHidden();

  await choose(ada, textFile("forgotten.txt"));
  await expect(uploaded(ada)).toHaveCount(1);
  // It waited too long.
  await ada.evaluate(async () => {
    const key = Object.keys(sessionStorage).find((one) => one.endsWith(":files"));
    const [{ id }] = JSON.parse(sessionStorage[key]);
    const headers = { "X-CSRF-Token": document.querySelector("[name=csrf_token]").value };
    await fetch(`${location.pathname}/files/${id}`, { method: "DELETE", headers });
  });
  await composer(ada).press("Enter");
  await expect(ada.locator("#messages > .failed")).toContainText("forgotten.txt");
  await expect(ada.locator("#messages > .failed .reason")).not.toBeEmpty();
});

test("pictures are looked at by keyboard and pointer", async ({ person, newRoom, expectComplaint }) => {
  // A picture in a tab of its own is not to run what a test puts into each page, and belongs to no site: where the browser
  // asks for the site's icon before the tab is closed, it does not get it.
  expectComplaint(/Blocked script execution in '[^']*\/files\/|ERR_BLOCKED_BY_RESPONSE\.NotSameOrigin/);
  const [ada, bob] = await pair({ person, newRoom });
  await choose(ada, await drawn(ada, "first.png", 900, 600), await drawn(ada, "second.png", 300, 900));
  await expect(uploaded(ada)).toHaveCount(2);
  await composer(ada).press("Enter");
  await expect(pictures(bob)).toHaveCount(2);
  const links = bob.locator("#messages a[data-picture]");
  const [dialog, picture] = [bob.locator("#lightbox"), bob.locator("#lightbox-picture")];
  const first = await links.first().getAttribute("href");

  await links.first().focus();
  await bob.keyboard.press("Enter");
  await expect(dialog).toBeVisible();
  await expect(dialog).toContainText("first.png");
  await expect(dialog).toContainText("1 of 2");
  await expect(picture).toHaveAttribute("src", new RegExp(`${first.replace(/[.?]/g, "\\$&")}$`));
  expect(await picture.evaluate((image) => image.naturalWidth)).toBe(900);
  await accessible(bob, "a large picture");
  await fits(bob, "a large picture");
  await bob.keyboard.press("ArrowRight");
  await expect(dialog).toContainText("second.png");
  await bob.keyboard.press("ArrowRight");
  await expect(dialog).toContainText("first.png");
  await bob.keyboard.press("ArrowLeft");
  await expect(dialog).toContainText("second.png");
  await bob.getByRole("button", { name: "Previous picture" }).click();
  await expect(dialog).toContainText("first.png");
  await bob.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(links.first()).toBeFocused();

  await links.last().click();
  await expect(dialog).toContainText("second.png");
  const download = bob.waitForEvent("download");
  await bob.getByRole("link", { name: "Download" }).click();
  expect((await download).suggestedFilename()).toBe("second.png");
  // Beside the picture, which is narrow.
  await dialog.click({ position: { x: 200, y: 400 } });
  await expect(dialog).toBeHidden();
  await expect(links.last()).toBeFocused();

  const tab = bob.context().waitForEvent("page");
  await links.first().click({ modifiers: ["Control"] });
  await (await tab).close();
  await expect(dialog).toBeHidden();
});

test("whatever a file is called, its name is text", async ({ person, newRoom }) => {
  const [ada, bob] = await pair({ person, newRoom }, PHONE);
  const title = await bob.title();
  const names = [
    `<img src=x onerror=alert(1)>.txt`,
    `"><script>alert(1)<.pdf`,
    `moon\u202Efdp.exe`,
    `${"x".repeat(196)}.txt`,
  ];
  await choose(ada, ...names.map((name) => textFile(name)));
  await expect(uploaded(ada)).toHaveCount(4);
  await fits(ada, "files with such names");
  // The line that waits for the server, too.
  await ada.evaluate(() => (document.querySelector("#room")._htmx.ws.connection.socket.send = () => {}));
  await composer(ada).press("Control+Enter");
  await expect(unconfirmed(ada).locator(".body bdi")).toHaveCount(4);
  await expect(unconfirmed(ada)).toContainText("<img src=x onerror=alert(1)>.txt");
  await fits(ada, "a message on its way with such names");
  await ada.reload();
  await connected(ada);
  await expect(unconfirmed(ada)).toHaveCount(0);
  for (const page of [ada, bob]) {
    await expect(cards(page)).toHaveCount(4);
    // Browsers write a quotation mark in the name of what they upload in another way.
    await expect(cards(page)).toContainText([names[0], "><script>alert(1)<.pdf", "moonfdp.exe", "x".repeat(100)]);
    expect(await page.locator("#messages :is(img, script)").count()).toBe(0);
    expect(await page.title()).toBe(title);
    await fits(page, "a message with such names");
  }
});
