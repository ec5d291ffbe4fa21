// Behind a proxy that does not pass WebSockets: plain requests take their place, and the page says so.

import { bodies, connected, enter, makeRoom, message, post, say, setUp, signUp, unconfirmed, unique } from "./people.mjs";
import { LUCKY, Nginx } from "./nginx.mjs";
import { Server } from "./server.mjs";
import { expect, LOST_CONNECTION, STATUS, test as base } from "./test.mjs";

const DELAYED = "New messages come a little later here.";

const test = base.extend({
  front: [
    async ({}, use) => {
      const nginx = await Nginx.reserve();
      const server = await Server.start({ PUBLIC_URL: nginx.url });
      await use({ nginx, server });
      await nginx.end();
      await server.end();
    },
    { scope: "worker", timeout: 90_000 },
  ],
  baseURL: ({ front }, use) => use(front.nginx.url),
  /** Ada, whom no WebSocket reaches, and Bob beside her, in a room of their own. */
  pair: async ({ front, visitor, expectComplaint }, use) => {
    expectComplaint(LOST_CONNECTION);
    const { nginx, server } = front;
    await nginx.run(server.port, { websockets: false });
    front.admin ??= await visitor({ userAgent: LUCKY }).then(async (page) => {
      await setUp(page, server.setupUrl.replace(server.url, nginx.url));
      return page.context().storageState();
    });
    const admin = await visitor({ userAgent: LUCKY, storageState: front.admin });
    const room = unique("proxied");
    await makeRoom(admin, room);
    const pages = [];
    for (const [name, userAgent] of [["Ada"], ["Bob", LUCKY]]) {
      const page = await visitor({ userAgent });
      await signUp(page, { username: unique(name), first_name: name });
      await post(page.context(), "/chat/", `/chat/room/${room}/join`, {});
      await page.goto(`/chat/room/${room}`);
      pages.push(page);
    }
    const [ada, bob] = pages;
    await connected(bob);
    await expect(ada.locator("#connection")).toContainText(DELAYED);
    await use({ ada, bob, admin, room });
  },
});

test.describe.configure({ mode: "serial" });

/** Each says a few things to the other. */
async function chat(ada, bob) {
  for (const [from, to] of [[ada, bob], [bob, ada]]) {
    const texts = ["one", "two", "three"].map(unique);
    for (const text of texts) await say(from, text);
    for (const text of texts) await expect(message(to, text)).toHaveCount(1);
    await expect(unconfirmed(from)).toHaveCount(0);
    expect((await bodies(to)).slice(-3)).toEqual(texts);
  }
}

test("two people chat, and a socket takes over as soon as one passes", async ({ front, pair: { ada, bob } }) => {
  const banner = ada.locator("#connection");
  await chat(ada, bob);
  await expect(banner).toContainText(DELAYED);

  await front.nginx.run(front.server.port, { websockets: true });
  const during = unique("during");
  await say(ada, during);
  // Or it has tried by itself.
  await banner.getByRole("button", { name: "Try now", includeHidden: true }).dispatchEvent("click");
  await connected(ada);
  await expect(banner).toBeHidden();
  await expect(message(bob, during)).toHaveCount(1);
  await chat(ada, bob);

  // And back.
  await front.nginx.run(front.server.port, { websockets: false });
  await say(ada, unique("again"));
  await expect(banner).toContainText(DELAYED);
  await chat(ada, bob);
  expect(await bodies(ada)).toEqual(await bodies(bob));
  expect(new Set(await bodies(ada)).size).toBe((await bodies(ada)).length);
});

test("it says when the server is away, and goes on when that is back", async ({ front, pair: { ada, bob }, expectComplaint }) => {
  expectComplaint(STATUS(502));
  const banner = ada.locator("#connection");
  const [missed, written] = [unique("missed"), unique("written")];
  await front.server.stop();
  await expect(banner).toContainText("The server cannot be reached.");
  await say(ada, written);
  await say(bob, missed);
  await expect(unconfirmed(ada)).toHaveCount(1);
  await front.server.run();
  await expect(banner).toContainText(DELAYED);
  for (const page of [ada, bob]) {
    for (const text of [missed, written]) await expect(message(page, text)).toHaveCount(1);
    await expect(unconfirmed(page)).toHaveCount(0);
  }
});

test("a request that gets no answer is sent again, under the same id and in order", async ({ pair: { ada, bob }, expectComplaint }) => {
  expectComplaint(STATUS(503));
  expectComplaint(/ERR_FAILED/);
  const sent = [];
  await ada.route("**/messages", async (route) => {
    const fields = new URLSearchParams(route.request().postData());
    sent.push(fields.get("client_id"));
    // Stored, but nobody is told; then not even stored.
    if (sent.length === 1) await route.fetch().then(() => route.abort());
    else if (sent.length === 2) await route.fulfill({ status: 503, headers: { "Retry-After": "1" }, body: "Not now." });
    else await route.continue();
  });
  await say(ada, "one");
  await say(ada, "two");
  await expect(message(ada, "two")).toHaveCount(1);
  await expect(unconfirmed(ada)).toHaveCount(0);
  for (const page of [ada, bob]) expect(await bodies(page)).toEqual(["one", "two"]);
  expect(new Set(sent).size).toBe(2);
});

test("what is refused is shown with its reason", async ({ pair: { ada, bob }, expectComplaint }) => {
  expectComplaint(STATUS(403));
  // As after a log-in in another tab.
  await ada.locator("#composer [name=csrf_token]").evaluate((field) => (field.value = "old"));
  await say(ada, "refused");
  await expect(ada.locator("#messages > .failed .reason")).toContainText("This page is out of date. Load it again.");
  expect(await bodies(bob)).toEqual([]);
});

test("nothing is asked for while nobody looks", async ({ pair: { ada, bob } }) => {
  let [asked, tries] = [0, 0];
  ada.on("request", (request) => (asked += request.url().includes("/changes?") ? 1 : 0));
  ada.on("websocket", () => (tries += 1));
  const hide = (hidden) =>
    ada.evaluate((value) => {
      Object.defineProperty(document, "hidden", { value, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  await hide(true);
  await say(bob, "unseen");
  await expect(message(bob, "unseen")).toHaveCount(1);
  [asked, tries] = [0, 0];
  await ada.waitForTimeout(12_000);
  // Each try of the socket asks what became of it; one may have been under way.
  expect(asked).toBeLessThanOrEqual(tries + 1);
  await hide(false);
  await expect(message(ada, "unseen")).toHaveCount(1);
});

test("it is led along with its room, and hears when that is closed", async ({ pair: { ada, bob, admin, room }, expectComplaint }) => {
  expectComplaint(STATUS(404));
  const renamed = unique("moved");
  await post(admin.context(), "/admin/rooms", `/admin/rooms/${room}`, { name: renamed, topic: "" });
  await expect(ada).toHaveURL(new RegExp(`/chat/room/${renamed}$`));
  await expect(ada.locator("#connection")).toContainText(DELAYED);
  await connected(bob);
  await chat(ada, bob);
  await ada.locator("#composer textarea").fill("half a thought");
  await post(ada.context(), "/chat/", `/chat/room/${renamed}/leave`, {});
  await expect(ada.locator("#connection")).toContainText("This room is not open to you.");
  await expect(ada.locator("#messages > .failed .body")).toHaveText(["half a thought"]);
});

test("it hears that the log-in is over", async ({ pair: { ada }, expectComplaint }) => {
  expectComplaint(STATUS(401));
  const other = await ada.context().newPage();
  await other.goto("/chat/");
  await other.locator("form[action='/accounts/logout'] button").evaluate((button) => button.form.requestSubmit());
  await expect(ada.locator("#connection")).toContainText("You are signed out.");
});

test("opened at another address than PUBLIC_URL it says so, and so does the log", async ({ front, pair: { ada, bob }, expectComplaint }) => {
  expectComplaint(STATUS(403));
  expectComplaint(STATUS(502));
  const { nginx, server } = front;
  await nginx.run(server.port, { websockets: true });
  await server.stop();
  server.settings.PUBLIC_URL = "http://127.0.0.1:1";
  await server.run();
  await bob.close();
  await ada.reload();
  const banner = ada.locator("#connection");
  await expect(banner).toContainText("not meant to be opened at this address");
  await expect(banner).toContainText(`PUBLIC_URL to ${nginx.url}.`);
  await expect.poll(() => server.output.match(/set PUBLIC_URL/g)?.length).toBe(1);
  // Also once it knows that plain requests are answered.
  await say(ada, "kept");
  await expect(ada.locator("#messages > .failed .reason")).toContainText("set PUBLIC_URL");
  await expect(banner).toContainText("not meant to be opened at this address");
});
