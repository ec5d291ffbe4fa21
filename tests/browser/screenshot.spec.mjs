// The picture of the README: `SCREENSHOT=1 npx playwright test screenshot` writes docs/room.png. Without that the picture
// is drawn all the same and thrown away, so that it can still be made.

import { enter, makeRoom, message, say, setUp } from "./people.mjs";
import { Server } from "./server.mjs";
import { expect, test as base } from "./test.mjs";

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

const TALK = [
  ["mara", "The long-range forecast for the Geminids is out: clear from 22:00, a little haze after 03:00."],
  ["mara", "The moon is down by 21:40, so we get a properly dark sky."],
  ["jonas", "I have two free seats from the station at 19:30."],
  ["me", "I take one. 35 minutes from there, the last road is slow."],
  ["priya", "Bring the red head lamps, please. Last year half of us forgot.\nAnd something warm, the meadow is wet in December."],
  ["jonas", "Noted. Priya, is the small refractor free that night?"],
  ["priya", "It is. I collimated it yesterday."],
  ["me", "Then I bring hot tea for everybody."],
];

test("a room, for the README", async ({ person, visitor, server }, info) => {
  test.slow();
  const admin = await visitor();
  await setUp(admin, server.setupUrl);
  for (const [room, topic] of [
    ["Stargazing", "Clear nights, targets, gear. Next meeting: Geminids, 13 December"],
    ["General", "Everything that has no other place."],
    ["Random", "Anything goes."],
    ["Workshop", "Mirrors, mounts and what broke this week."],
  ]) {
    await makeRoom(admin, room, topic);
  }
  const people = {
    me: await person("Aiko Tanaka", { username: "aiko", deviceScaleFactor: 1.5, viewport: { width: 1280, height: 800 } }),
    mara: await person("Mara Lindqvist", { username: "mara" }),
    jonas: await person("Jonas Weber", { username: "jonas" }),
    priya: await person("Priya Raman", { username: "priya" }),
  };
  for (const page of Object.values(people)) await enter(page, "Stargazing");
  for (const room of ["General", "Random", "Stargazing"]) await enter(people.me, room);
  for (const [who, text] of TALK) {
    await say(people[who], text);
    await expect(message(people.me, text)).toBeVisible();
  }
  await expect(people.me.locator("#online")).toHaveText(/4 online/);
  await people.me.locator("#composer textarea").blur();
  await people.me.screenshot({ path: process.env.SCREENSHOT ? "docs/room.png" : info.outputPath("room.png"), animations: "disabled" });
});
