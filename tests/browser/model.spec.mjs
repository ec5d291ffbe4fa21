// Counts of what waits, against a simple model: three pages of one person go to rooms, look away and back, mark as
// unread, leave and join, while somebody else writes. When all is quiet, each page shows what the model says.

import { enter, post, unique } from "./people.mjs";
import { expect, test } from "./test.mjs";

/** A generator of numbers that begins anew with the same seed (Mulberry32). */
function random(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const SEEDS = process.env.UNREAD_SEEDS?.split(",").map(Number) ?? [7];
const STEPS = 25;

for (const seed of SEEDS) {
  test(`badges are never wrong after the dust settles (${seed})`, async ({ person, newRoom, visitor }) => {
    const pick = random(seed);
    const [ada, bob] = [await person("Ada"), await person("Bob")];
    const rooms = [];
    for (const name of ["one", "two"]) {
      const room = await newRoom(name);
      await enter(ada, room);
      await enter(bob, room);
      // Who wrote each message, and up to which one Bob has read.
      rooms.push({ name: room, authors: [], read: 0, isMember: true });
    }
    const state = await bob.context().storageState();
    const devices = [];
    for (let n = 0; n < 3; n += 1) {
      const page = await visitor({ storageState: state });
      await page.addInitScript(() => (document.hasFocus = () => sessionStorage.getItem("away") === null));
      await page.goto("/chat/");
      // In which room, whether it is looked at, and up to which message this page has said that it was read.
      devices.push({ page, room: null, looks: true, said: 0 });
    }
    await bob.goto("about:blank");

    const waits = ({ authors, read }) => authors.slice(read).filter((author) => author === "ada").length;
    /** A page that is looked at reads up to the newest message, once. */
    const look = (device) => {
      const { room } = device;
      if (!room || !device.looks || device.said >= room.authors.length) return;
      device.said = room.authors.length;
      room.read = Math.max(room.read, device.said);
    };
    const badge = (page, { name }) => page.locator("#public-rooms > li", { hasText: name }).locator(".badge");
    const settled = async () => {
      for (const [n, { page, room: shown }] of devices.entries()) {
        if (shown) await expect(page.locator(`#messages > .message[data-seq]`)).toHaveCount(shown.authors.length);
        for (const room of rooms) {
          const count = room.isMember ? waits(room) : 0;
          const text = expect(badge(page, room), `page ${n}, ${room.name}`);
          if (count > 0) await text.toHaveText(String(count));
          else await text.toHaveCount(0);
        }
      }
    };
    const go = async (device, room) => {
      await device.page.goto(room ? `/chat/room/${room.name}` : "/chat/");
      if (room) await expect(device.page.locator("#online")).toBeVisible();
      device.room = room;
      device.said = room?.read ?? 0;
      look(device);
    };

    const acts = {
      write: async (room) => {
        await post(ada.context(), "/settings/profile", `/chat/room/${room.name}/messages`, { body: unique("hello") });
        room.authors.push("ada");
        for (const device of devices) if (device.room === room) look(device);
      },
      open: async (room, device) => room.isMember && go(device, room),
      home: async (_, device) => go(device, null),
      turnAway: async (_, device) => {
        await device.page.evaluate(() => sessionStorage.setItem("away", "1"));
        device.looks = false;
      },
      turnBack: async (_, device) => {
        await device.page.evaluate(() => {
          sessionStorage.removeItem("away");
          window.dispatchEvent(new Event("focus"));
        });
        device.looks = true;
        look(device);
      },
      answer: async (room, device) => {
        if (device.room !== room || !device.looks) return;
        await device.page.locator("#composer textarea").fill(unique("answer"));
        await device.page.locator("#composer button.send").click();
        room.authors.push("bob");
        for (const other of devices) if (other.room === room) look(other);
      },
      markUnread: async (room) => {
        if (!room.isMember || room.authors.length === 0) return;
        const seq = 1 + pick(room.authors.length);
        await post(bob.context(), "/settings/profile", `/chat/room/${room.name}/unread`, { seq });
        room.read = seq - 1;
      },
      leaveOrJoin: async (room) => {
        if (devices.some((device) => device.room === room)) return;
        await post(bob.context(), "/settings/profile", `/chat/room/${room.name}/${room.isMember ? "leave" : "join"}`, {});
        room.isMember = !room.isMember;
        room.read = room.authors.length;
      },
    };
    const names = ["write", "write", "write", ...Object.keys(acts)];
    for (let step = 0; step < STEPS; step += 1) {
      const [name, room, device] = [names[pick(names.length)], rooms[pick(rooms.length)], devices[pick(devices.length)]];
      await test.step(`${step}: ${name} ${room.name}`, () => acts[name](room, device));
      // What is read is said within a moment: the model has no moments.
      await settled();
    }
  });
}
