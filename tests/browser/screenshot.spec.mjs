// The picture of the README. It is written to docs/room.png with SCREENSHOT=1, else only taken.

import { enter, makeRoom, message, say } from "./people.mjs";
import { expect, test } from "./test.mjs";

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

test("a room, for the README", async ({ person, admin }) => {
  await makeRoom(await admin(), "Stargazing", "Clear nights, targets, gear. Next meeting: Geminids, 13 December");
  const people = {
    me: await person("Aiko Tanaka", { deviceScaleFactor: 1.5, viewport: { width: 1280, height: 800 } }),
    mara: await person("Mara Lindqvist"),
    jonas: await person("Jonas Weber"),
    priya: await person("Priya Raman"),
  };
  for (const page of Object.values(people)) await enter(page, "Stargazing");
  for (const [who, text] of TALK) {
    await say(people[who], text);
    await expect(message(people.me, text)).toBeVisible();
  }
  await expect(people.me.locator("#online")).toHaveText(/4 online/);
  await people.me.locator("#composer textarea").blur();
  const path = process.env.SCREENSHOT ? "docs/room.png" : "test-results/room.png";
  await people.me.screenshot({ path, animations: "disabled" });
});
