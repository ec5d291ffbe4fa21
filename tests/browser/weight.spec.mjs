// What of Lighthouse does not depend on the clock: which files a page loads and how many bytes they have, what the browser
// itself reports about the page, and what search engines want of it. That axe objects to nothing, see look.spec.mjs.

import { connected, enter, makeRoom, setUp } from "./people.mjs";
import { Server } from "./server.mjs";
import { expect, PHONE, test as base } from "./test.mjs";

// A server of its own: in the other specs' side bar stand all their rooms.
const test = base.extend({
  server: [
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.end();
    },
    { scope: "worker", timeout: 90_000 },
  ],
  baseURL: ({ server }, use) => use(server.url),
});
test.describe.configure({ mode: "default" });

const OUTSIDE = ["app.css", "site.js"];
const INSIDE = ["app.css", "chat.js", "me.css"];
/** Path, files beside the page, and the bytes that all of it may have on the wire, with headers: a little above what it has. */
const PUBLIC = [
  ["/", OUTSIDE, 36_500],
  ["/about", OUTSIDE, 26_600],
  ["/privacy", OUTSIDE, 48_000],
  ["/accounts/login", OUTSIDE, 23_600],
  ["/accounts/signup", OUTSIDE, 25_700],
];
const CHAT = [
  ["/chat/", INSIDE, 96_500],
  ["/chat/room/General", INSIDE, 115_200],
];
const SIZES = { phone: PHONE, desktop: {} };

/** Opens the page as for the first time; returns its answer, the files that it loaded, their bytes and the browser's reports. */
async function open(page, path) {
  const client = await page.context().newCDPSession(page);
  const loaded = new Map();
  const reports = [];
  client.on("Network.requestWillBeSent", ({ requestId, request: { url } }) => {
    // The icon comes whenever the browser likes.
    if (!url.startsWith("data:") && !url.endsWith(".svg")) loaded.set(requestId, { url, bytes: null });
  });
  client.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (loaded.has(requestId)) loaded.get(requestId).bytes = encodedDataLength;
  });
  client.on("Audits.issueAdded", ({ issue }) => reports.push(JSON.stringify(issue)));
  client.on("Log.entryAdded", ({ entry }) => reports.push(JSON.stringify(entry)));
  for (const domain of ["Network", "Audits", "Log"]) await client.send(`${domain}.enable`);
  await client.send("Network.setCacheDisabled", { cacheDisabled: true });
  const answer = await page.goto(path);
  if (path.startsWith("/chat/room/")) await connected(page);
  await expect.poll(() => [...loaded.values()].filter(({ bytes }) => bytes === null)).toEqual([]);
  const [document, ...files] = loaded.values();
  expect(new URL(document.url).pathname).toBe(path);
  await client.detach();
  return {
    answer,
    files: files.map(({ url }) => new URL(url).pathname.replace(/^.*\/(\w+)(\.[0-9a-f]{12})?(\.\w+)$/, "$1$3")).sort(),
    bytes: [document, ...files].reduce((sum, { bytes }) => sum + bytes, 0),
    reports,
  };
}

/** Loads what is listed and no more, gives the browser no cause to complain, and can be found and understood. */
async function judge(page, [path, files, most]) {
  const { answer, files: loaded, bytes, reports } = await open(page, path);
  expect(answer.status()).toBe(200);
  expect(loaded, `what ${path} loads`).toEqual(files);
  expect(bytes, `bytes of ${path}`).toBeLessThanOrEqual(most);
  expect(reports, `what the browser reports of ${path}`).toEqual([]);

  expect(answer.headers()).not.toHaveProperty("x-robots-tag");
  await expect(page.locator("meta[name=robots]")).toHaveCount(0);
  await expect(page.locator("meta[name=description]")).toHaveAttribute("content", /\w{3}/);
  await expect(page.locator("meta[name=viewport]")).toHaveAttribute("content", /width=device-width/);
  await expect(page).toHaveTitle(/UmbraChat/);
  await expect(page.locator("a:not([href])"), "links that lead nowhere").toHaveCount(0);
}

test.beforeAll(async ({ server, browser }) => {
  const context = await browser.newContext({ baseURL: server.url });
  const admin = await context.newPage();
  await setUp(admin, server.setupUrl);
  await makeRoom(admin, "General", "Everything that has no other place.");
  await makeRoom(admin, "Random", "Anything goes.");
  await context.close();
});

for (const [size, options] of Object.entries(SIZES)) {
  test(`pages for everybody load next to nothing (${size})`, async ({ visitor }) => {
    const page = await visitor(options);
    for (const one of PUBLIC) await judge(page, one);
    expect((await page.request.get("/robots.txt")).status(), "which lets every search engine in").toBe(404);
  });

  test(`pages of the chat load one script (${size})`, async ({ person }) => {
    const page = await person("Ada Lovelace", options);
    await enter(page, "General");
    for (const one of CHAT) await judge(page, one);
  });
}
