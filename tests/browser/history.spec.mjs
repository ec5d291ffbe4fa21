// Long rooms: older messages load while one scrolls up, and nothing under the reader's eyes moves.

import { phaseOf } from "../../assets/js/moon.js";
import { bodies, enter, message, say, sayMany, unique } from "./people.mjs";
import { expect, PHONE, test } from "./test.mjs";

/** Scrolls to the very top in small steps; gives the largest movement of the message that was under the eyes. */
const scrollUp = (page) =>
  page.evaluate(async () => {
    const scroller = document.querySelector("#scroller");
    const frame = () => new Promise(requestAnimationFrame);
    const inView = () => {
      const edge = scroller.getBoundingClientRect().top;
      return [...document.querySelectorAll("#messages > [id^='m-']")].find((item) => item.getBoundingClientRect().bottom > edge);
    };
    let worst = 0;
    const until = Date.now() + 30_000;
    while (Date.now() < until) {
      const item = inView().querySelector(".body");
      const before = item.getBoundingClientRect().top;
      const from = scroller.scrollTop;
      scroller.scrollTop = from - 400;
      const expected = before + (from - scroller.scrollTop);
      await frame();
      await frame();
      if (item.isConnected) worst = Math.max(worst, Math.abs(item.getBoundingClientRect().top - expected));
      if (scroller.scrollTop === 0) {
        if (!document.querySelector("#older")) return worst;
        await new Promise((done) => setTimeout(done, 20));
      }
    }
    throw new Error("the beginning of the room was never reached");
  });

for (const [look, options] of [["desktop", {}], ["phone", PHONE]]) {
  test(`500 messages scroll by without a jump (${look})`, async ({ person, newRoom }, info) => {
    const room = await newRoom("long");
    const ada = await person("Ada", options);
    const bob = await person("Bob");
    await enter(ada, room);
    await enter(bob, room);
    const text = (n) => `Message ${n}${" and some more words".repeat(n % 7)}${n % 11 === 0 ? "\nand a line" : ""}`;
    await sayMany(bob, room, 500, text);
    await ada.reload();
    const atEnd = () => ada.evaluate(() => {
      const { scrollHeight, scrollTop, clientHeight } = document.querySelector("#scroller");
      return scrollHeight - scrollTop - clientHeight;
    });
    expect(await atEnd(), "a room opens at its end").toBeLessThan(2);
    const loaded = await ada.locator("#messages > [id^='m-']").count();
    expect(loaded, "a page is a part of the room").toBeLessThan(200);

    const shift = await scrollUp(ada);
    info.annotations.push({ type: "largest shift", description: `${shift} px` });
    console.log(`    largest shift while scrolling up through 500 messages (${look}): ${shift} px`);
    expect(shift).toBeLessThan(1);
    const expected = Array.from({ length: 500 }, (_, index) => text(index + 1));
    expect(await bodies(ada)).toEqual(expected);

    // Scrolled up, new messages move nothing; a pill counts them and leads down.
    const first = message(ada, text(1)).first();
    const before = await first.boundingBox();
    await say(bob, "New one");
    await say(bob, "New two");
    await expect(ada.locator("#to-newest")).toHaveText(/2 new messages/);
    expect((await first.boundingBox()).y).toBe(before.y);
    await ada.locator("#to-newest").click();
    await expect(ada.locator("#to-newest")).toBeHidden();
    await expect(message(ada, "New two")).toBeInViewport();

    // At the end, the page follows.
    await say(bob, "New three");
    await expect(message(ada, "New three")).toBeInViewport();
    // One's own message leads down from anywhere.
    await ada.evaluate(() => (document.querySelector("#scroller").scrollTop = 3_000));
    await expect(message(ada, "New three")).not.toBeInViewport();
    await ada.locator("#composer textarea").fill("Mine");
    await ada.locator("#composer button.send").click();
    await expect(message(ada, "Mine")).toBeInViewport();
  });
}

test("a very long page drops its oldest messages, and loads them again", async ({ person, newRoom }) => {
  const room = await newRoom("flood");
  const ada = await person("Ada");
  const bob = await person("Bob");
  await enter(ada, room);
  await enter(bob, room);
  await sayMany(bob, room, 700);
  await expect(message(ada, "Message 700")).toBeInViewport();
  const count = await ada.locator("#messages > li").count();
  expect(count).toBeLessThanOrEqual(601);
  await scrollUp(ada);
  expect(await bodies(ada)).toEqual(Array.from({ length: 700 }, (_, index) => `Message ${index + 1}`));
});

test("a link to a message opens there", async ({ person, newRoom }) => {
  const room = await newRoom("link");
  const ada = await person("Ada");
  await enter(ada, room);
  await sayMany(ada, room, 40);
  await ada.goto("about:blank");
  await ada.goto(`/chat/room/${room}#m-5`);
  await expect(ada.locator("#m-5")).toBeInViewport();
  await expect(ada.locator("#m-40")).not.toBeInViewport();
});

test("a day that begins here and not in UTC gets a chip, with the moon of that day", async ({ person, newRoom }) => {
  const page = await person("Ada");
  await enter(page, await newRoom("moons"));
  await say(page, "first");
  await expect(message(page, "first")).toHaveCount(1);
  const server = await page.locator("#m-1 .day").evaluate((chip) => chip.outerHTML);
  // Without the chip of the server, the page draws the same one.
  await page.evaluate(() => {
    const list = document.querySelector("#messages");
    const first = list.querySelector("#m-1");
    const append = (seq, at) => {
      const item = first.cloneNode(true);
      item.id = `m-${seq}`;
      item.dataset.seq = seq;
      item.dataset.client = "";
      item.querySelector(".day").remove();
      if (at) item.querySelector("time").dateTime = at;
      list.append(item);
    };
    append(2, "2025-09-07T22:30:00Z");
    append(3);
  });
  await expect(page.locator("#m-2 .day")).toHaveText("8 September 2025");
  // Nor does a message go on with one of the day before, although the server's day is the same.
  await page.evaluate(() => {
    const list = document.querySelector("#messages");
    for (const [seq, at] of [[4, "2025-09-08T21:58:00Z"], [5, "2025-09-08T21:59:00Z"], [6, "2025-09-08T22:01:00Z"], [7, "2025-09-08T22:02:00Z"]]) {
      const item = list.querySelector("#m-1").cloneNode(true);
      item.id = `m-${seq}`;
      item.dataset.seq = seq;
      item.querySelector(".day").remove();
      item.querySelector("time").dateTime = at;
      item.classList.toggle("continued", seq > 4);
      if (seq > 4) item.querySelector(".avatar").remove();
      list.append(item);
    }
  });
  await expect(page.locator("#m-6 .day")).toHaveText("9 September 2025");
  await expect(page.locator("#m-6 .author")).toBeVisible();
  await expect(page.locator("#m-6 > .avatar")).toHaveCount(1);
  await expect(page.locator("#m-6")).not.toHaveClass(/continued/);
  for (const seq of [5, 7]) await expect(page.locator(`#m-${seq}`)).toHaveClass(/continued/);
  expect(await page.locator("#m-3 .day").evaluate((chip) => chip.outerHTML)).toBe(server);
  for (const [at, phase] of [
    ["2000-01-06T18:14:00Z", 0],
    ["2024-04-08T18:20:00Z", 0],
    ["2025-03-14T06:55:00Z", 4],
    ["2025-09-07T18:09:00Z", 4],
    ["2025-09-14T10:33:00Z", 6],
    ["2025-11-28T06:59:00Z", 2],
    ["1999-08-11T11:08:00Z", 0],
  ]) {
    expect(phaseOf(new Date(at)), at).toBe(phase);
  }
});
