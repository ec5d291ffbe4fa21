// What the server may say over the socket, and what the page makes of it. A middleman stands between the two.

import { bodies, connected, enter, message, say, unconfirmed, unique } from "./people.mjs";
import { expect, test as base } from "./test.mjs";

const test = base.extend({
  /** Ada's page in a room of its own, and the middleman: `wire.sockets` (newest last), `wire.hear` (may swallow). */
  wired: async ({ person, newRoom }, use) => {
    const page = await person("Ada");
    const wire = { sockets: [], sent: [], hear: () => true };
    await page.routeWebSocket(/\/ws\/chatroom\//, (socket) => {
      const server = socket.connectToServer();
      wire.sockets.push(socket);
      socket.onMessage((text) => {
        const frame = JSON.parse(text);
        // What was read and who types is not what these specs are about.
        const passes = ["read", "typing"].includes(frame.type) || (wire.sent.push(frame), wire.hear(frame, socket));
        if (passes) server.send(text);
      });
    });
    page.room = await newRoom("wire");
    await enter(page, page.room);
    await use({ page, wire });
  },
});

const refuse = (socket, client_id, code, text, retry_after = null) =>
  socket.send(JSON.stringify({ error: { code, message: text, client_id, retry_after } }));

test("a refusal that passes is retried by itself, with the same id", async ({ wired: { page, wire } }) => {
  let refusals = 2;
  wire.hear = ({ client_id }, socket) => {
    if (refusals === 0) return true;
    refusals -= 1;
    refuse(socket, client_id, "too_fast", "Too fast.", 0.2);
    return false;
  };
  await say(page, "patience");
  await expect(message(page, "patience")).toHaveCount(1);
  await expect(unconfirmed(page)).toHaveCount(0);
  expect(wire.sent).toHaveLength(3);
  expect(new Set(wire.sent.map(({ client_id }) => client_id)).size).toBe(1);
});

test("a server that cannot confirm leaves a message waiting, says so, and can be asked again", async ({ wired }) => {
  const { page, wire } = wired;
  wire.hear = ({ client_id }, socket) => refuse(socket, client_id, "unavailable", "It <b>waits</b>.", 60);
  await say(page, "late");
  const waiting = page.locator("#messages > .pending.waiting");
  await expect(waiting.locator(".reason")).toHaveText("It <b>waits</b>.");
  await expect(waiting.getByRole("button", { name: "Discard" })).toBeHidden();
  wire.hear = () => true;
  await waiting.getByRole("button", { name: "Try again" }).click();
  await expect(unconfirmed(page)).toHaveCount(0);
  await expect(message(page, "late")).toHaveCount(1);
  expect(new Set(wire.sent.map(({ client_id }) => client_id)).size).toBe(1);
});

test("messages that were too fast keep their order", async ({ wired: { page, wire } }) => {
  const texts = ["one", "two", "three"];
  const tries = new Map();
  wire.hear = ({ body, client_id }, socket) => {
    tries.set(body, (tries.get(body) ?? 0) + 1);
    // The first is refused once more than the others: given together, they would overtake it.
    if (tries.get(body) > (body === "one" ? 2 : 1)) return true;
    refuse(socket, client_id, "too_fast", "Too fast.", 0.5);
    return false;
  };
  for (const text of texts) await say(page, text);
  await expect(message(page, "three")).toHaveCount(1);
  await expect(unconfirmed(page)).toHaveCount(0);
  expect(await bodies(page)).toEqual(texts);
});

test("any other refusal is shown, and the reader decides", async ({ wired: { page, wire } }) => {
  wire.hear = ({ client_id }, socket) => refuse(socket, client_id, "not_a_member", "You are <b>not</b> a member.");
  await say(page, "first");
  await say(page, "second");
  const failed = page.locator("#messages > .failed");
  await expect(failed).toHaveCount(2);
  await expect(failed.first().locator(".reason")).toHaveText("You are <b>not</b> a member.");
  await page.reload();
  await connected(page);
  await expect(failed, "they survive a reload").toHaveCount(2);
  await failed.first().getByRole("button", { name: "Discard" }).click();
  await expect(page.locator("#composer textarea")).toBeFocused();
  wire.hear = () => true;
  await failed.first().getByRole("button", { name: "Try again" }).click();
  await expect(failed).toHaveCount(0);
  await expect(message(page, "second")).toHaveCount(1);
  expect(await bodies(page)).toEqual(["second"]);
});

test("what comes twice, late or with a gap stands once and in its place", async ({ wired: { page, wire } }) => {
  for (const text of ["one", "two", "three"]) await say(page, text);
  await expect(message(page, "three")).toHaveCount(1);
  const copy = (n) => page.locator(`#m-${n}`).evaluate((item) => item.outerHTML);
  const push = (html, from, to) =>
    wire.sockets.at(-1).send(`<hx-partial hx-target="#messages" hx-swap="beforeend" data-from="${from}" data-to="${to}">${html}</hx-partial>`);
  const second = await copy(2);
  push(second, 0, 1);
  push(second, 0, 1);
  await page.locator("#m-2").evaluate((item) => item.remove());
  push(second, 0, 1);
  await expect(message(page, "two")).toHaveCount(1);
  expect(await bodies(page)).toEqual(["one", "two", "three"]);

  // Something between was lost: the frame waits, and a new connection brings everything.
  const connections = wire.sockets.length;
  push(second.replaceAll("m-2", "m-99").replace(`data-seq="2"`, `data-seq="99"`), 98, 99);
  await expect.poll(() => wire.sockets.length).toBe(connections + 1);
  await connected(page);
  await say(page, "four");
  await expect(message(page, "four")).toHaveCount(1);
  expect(await bodies(page)).toEqual(["one", "two", "three", "four"]);
});

test("a heartbeat that runs ahead makes the page ask again", async ({ wired: { page, wire } }) => {
  const connections = wire.sockets.length;
  wire.sockets.at(-1).send(JSON.stringify({ last_change: 1_000 }));
  await expect.poll(() => wire.sockets.length).toBeGreaterThan(connections);
  await connected(page);
});

test("45 seconds of silence end a connection, a heartbeat keeps it", async ({ wired: { page, wire } }) => {
  // The page's clock is put forward.
  await page.evaluate(() => {
    const now = Date.now;
    window.ahead = 0;
    Date.now = () => now() + window.ahead;
  });
  const connections = wire.sockets.length;
  for (const ahead of [40_000, 80_000]) {
    await page.evaluate((ms) => (window.ahead = ms), ahead);
    wire.sockets.at(-1).send(JSON.stringify({ last_change: 0 }));
    await page.waitForTimeout(1_300);
    expect(wire.sockets.length).toBe(connections);
  }
  await page.evaluate(() => (window.ahead = 126_000));
  await expect.poll(() => wire.sockets.length).toBe(connections + 1);
  await connected(page);
});

test("the page loads again when it is told to, and keeps the draft", async ({ wired: { page, wire } }) => {
  await page.locator("#composer textarea").fill("a draft");
  await page.evaluate(() => (window.old = true));
  wire.sockets.at(-1).send(JSON.stringify({ reload: true, location: "https://example.org/chat/room/evil" }));
  await page.waitForFunction(() => !window.old);
  await expect(page).toHaveURL(new RegExp(`/chat/room/${page.room}$`));
  await connected(page);
  await expect(page.locator("#composer textarea")).toHaveValue("a draft");
});

test("it does not load again while a file is on its way", async ({ wired: { page, wire } }) => {
  let letGo;
  const gone = new Promise((done) => (letGo = done));
  await page.route("**/chat/room/*/files", async (route) => {
    await gone;
    await route.continue();
  });
  await page.locator("#attach-input").setInputFiles({ name: "slow.txt", mimeType: "text/plain", buffer: Buffer.from("stars") });
  await expect(page.locator("#attachments progress")).toBeVisible();
  await page.evaluate(() => (window.old = true));
  wire.sockets.at(-1).send(JSON.stringify({ reload: true }));
  await page.waitForTimeout(1_300);
  expect(await page.evaluate(() => window.old)).toBe(true);
  letGo();
  await page.waitForFunction(() => !window.old);
  await connected(page);
  await expect(page.locator("#attachments li")).toContainText("slow.txt");
});

test("a room that is not open loads once more, then says so", async ({ wired: { page, wire } }) => {
  const connections = wire.sockets.length;
  await page.evaluate(() => (window.old = true));
  await page.routeWebSocket(/\/ws\/chatroom\//, (socket) => {
    wire.sockets.push(socket);
    socket.close({ code: 4403 });
  });
  await wire.sockets.at(-1).close({ code: 4403 });
  await page.waitForFunction(() => !window.old);
  await expect(page.locator("#connection")).toContainText("This room is not open to you.");
  await expect(page.locator("#connection").getByRole("link")).toHaveAttribute("href", "/chat/");
  await page.waitForTimeout(1_500);
  expect(wire.sockets.length, "it does not try for ever").toBe(connections + 1);
});

test("a server without room is asked more and more rarely, and the page says so", async ({ wired: { page, wire } }) => {
  const banner = page.locator("#connection");
  const tries = [];
  // The handshake is accepted, and then it says to try again.
  await page.routeWebSocket(/\/ws\/chatroom\//, (socket) => {
    tries.push(Date.now());
    socket.close({ code: 1013 });
  });
  await wire.sockets.at(-1).close({ code: 1013 });
  await say(page, "patience");
  await expect(banner).toContainText(/no room for this window right now.*(Next try in \d+ s|Trying now)/s);
  await expect.poll(() => tries.length).toBe(4);
  const waits = tries.slice(1).map((at, index) => at - tries[index]);
  expect(waits[2], `the waits were ${waits} ms`).toBeGreaterThan(2 * waits[0]);
  await expect(unconfirmed(page)).toHaveCount(1);

  // Room again.
  await page.routeWebSocket(/\/ws\/chatroom\//, (socket) => void socket.connectToServer());
  await banner.getByRole("button", { name: "Try now" }).click();
  await connected(page);
  await expect(banner).toBeHidden();
  await expect(message(page, "patience")).toHaveCount(1);
});

test("a server that is behind sends the page away, and it comes back", async ({ wired: { page, wire } }) => {
  for (const code of [1012, 1013]) {
    const connections = wire.sockets.length;
    await wire.sockets.at(-1).close({ code });
    await expect.poll(() => wire.sockets.length).toBe(connections + 1);
    await connected(page);
    const text = unique("after");
    await say(page, text);
    await expect(message(page, text)).toHaveCount(1);
  }
});
