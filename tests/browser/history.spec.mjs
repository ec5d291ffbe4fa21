// Long rooms: older messages load while one scrolls up, and nothing under the reader's eyes moves.

import { phaseOf } from "../../assets/js/moon.js";
import { bodies, enter, message, say, sayMany, unique } from "./people.mjs";
import { expect, PHONE, test } from "./test.mjs";

/**
 * Scrolls to the very top in small steps, or with `step` below zero to the very end. Gives the largest movement of the message
 * that was under the eyes, the numbers and texts of all messages that came by, and how many items the list held at most.
 */
const scroll = (page, step = 400) =>
  page.evaluate(async (step) => {
    const scroller = document.querySelector("#scroller");
    const frame = () => new Promise(requestAnimationFrame);
    const inView = () => {
      const edge = scroller.getBoundingClientRect().top;
      return [...document.querySelectorAll("#messages > [id^='m-']")].find((item) => item.getBoundingClientRect().bottom > edge);
    };
    let [worst, most] = [0, 0];
    const seen = new Map();
    const list = document.querySelector("#messages");
    const until = Date.now() + 60_000;
    while (Date.now() < until) {
      // Looked at before what is seen: the last page may come at any moment.
      const isWhole = !document.querySelector(step > 0 ? "#older" : "#newer");
      most = Math.max(most, list.children.length);
      for (const one of list.querySelectorAll("[id^='m-']")) seen.set(Number(one.dataset.seq), one.querySelector(".body").textContent);
      const item = inView().querySelector(".body");
      const before = item.getBoundingClientRect().top;
      const from = scroller.scrollTop;
      scroller.scrollTop = from - step;
      const expected = before + (from - scroller.scrollTop);
      await frame();
      await frame();
      if (item.isConnected) worst = Math.max(worst, Math.abs(item.getBoundingClientRect().top - expected));
      if (scroller.scrollTop === from) {
        if (isWhole) {
          const texts = [...seen].sort(([one], [other]) => one - other).map(([, text]) => text);
          return { worst, most, texts };
        }
        await new Promise((done) => setTimeout(done, 20));
      }
    }
    throw new Error("the end was never reached");
  }, step);

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

    const { worst: shift, most, texts } = await scroll(ada);
    info.annotations.push({ type: "largest shift", description: `${shift} px` });
    console.log(`    largest shift while scrolling up through 500 messages (${look}): ${shift} px`);
    expect(shift).toBeLessThan(1);
    const expected = Array.from({ length: 500 }, (_, index) => text(index + 1));
    expect(texts).toEqual(expected);
    expect(most, "a page holds a part of the room").toBeLessThanOrEqual(360);

    // Scrolled up, new messages move nothing; a pill counts them and leads down.
    const first = message(ada, text(1)).first();
    const before = await first.boundingBox();
    await say(bob, "New one");
    await say(bob, "New two");
    await expect(ada.locator("#to-newest")).toHaveText(/2 new messages/);
    expect((await first.boundingBox()).y).toBe(before.y);
    await ada.locator("#to-newest").click();
    await expect(message(ada, "New two")).toBeInViewport();
    await expect(ada.locator("#to-newest")).toBeHidden();

    // At the end, the page follows.
    await say(bob, "New three");
    await expect(message(ada, "New three")).toBeInViewport();
    // One's own message leads down from anywhere.
    await ada.evaluate(() => (document.querySelector("#scroller").scrollTop -= 1_500));
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
  expect(count).toBeLessThanOrEqual(301);
  await ada.evaluate(() => {
    window.gone = [];
    new MutationObserver((records) => {
      const removed = records.flatMap(({ removedNodes }) => [...removedNodes]);
      window.gone.push(...removed.filter(({ id }) => id === "older" || id === "newer"));
    }).observe(document.querySelector("#messages"), { childList: true });
  });
  const all = Array.from({ length: 700 }, (_, index) => `Message ${index + 1}`);
  const up = await scroll(ada);
  expect(up.texts).toEqual(all);
  expect(up.worst).toBeLessThan(1);
  // What comes meanwhile does not belong below what is shown of the past, and is there at the end.
  await say(bob, "While you looked back");
  await expect(ada.locator("#to-newest")).toHaveText(/1 new message/);
  await expect(message(ada, "While you looked back")).toHaveCount(0);
  const down = await scroll(ada, -400);
  expect(down.texts).toEqual([...all, "While you looked back"]);
  expect(down.worst).toBeLessThan(1);
  expect(Math.max(up.most, down.most)).toBeLessThanOrEqual(360);
  // The ends of the list that were taken out of it are observed no more.
  expect(await ada.evaluate(() => window.gone.length)).toBeGreaterThan(8);
  expect(await ada.evaluate(() => window.gone.filter((end) => end.matches("[data-htmx-powered]")).length)).toBe(0);
  await say(bob, "And now");
  await expect(message(ada, "And now")).toBeInViewport();
});

test("a permanent link opens around its message, which is marked, and leads on in both directions", async ({ person, newRoom }) => {
  const room = await newRoom("past");
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  for (const page of [ada, bob]) await enter(page, room);
  await sayMany(bob, room, 250);
  const unread = ada.locator("#public-rooms > li", { hasText: room });
  await ada.goto(`/chat/room/${room}/m/40`);
  await expect(ada.locator("#m-40:target")).toBeInViewport();
  await expect(ada.locator("#m-200")).toHaveCount(0);
  await expect(ada.locator("#to-newest")).toHaveText(/Newest messages/);
  // Nobody has read what was not shown.
  await say(bob, "not yet");
  await expect(ada.locator("#to-newest")).toHaveText(/1 new message/);
  await expect(unread.locator(".badge")).toHaveText(/\d/);
  const down = await scroll(ada, -300);
  expect(down.texts.at(-1)).toBe("not yet");
  expect(down.worst).toBeLessThan(1);
  await expect(unread.locator(".badge")).toHaveCount(0);
  // What one writes is shown at the end, wherever one was.
  await ada.goto(`/chat/room/${room}/m/40`);
  await say(ada, "from the past");
  await expect(message(ada, "from the past")).toBeInViewport();
  await expect(message(ada, "from the past")).toHaveCount(1);
  await expect(message(bob, "from the past")).toHaveCount(1);

  await ada.getByLabel("Room menu").click();
  await ada.getByLabel("Jump to a day").fill("2020-02-29");
  await ada.getByRole("button", { name: "Go", exact: true }).click();
  await expect(ada.locator("#m-1:target")).toBeInViewport();
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
