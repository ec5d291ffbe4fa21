// What people do in these specs: sign up, join, write, look.

import { randomBytes } from "node:crypto";
import { expect } from "@playwright/test";

export const PASSWORD = "violet moons over quiet water";
/** The first administrator, made by setup.spec.mjs (and by `setUp` on servers of a spec's own). */
export const ADMIN = { username: "stella", first_name: "Stella", last_name: "Nova" };
/** Where setup.spec.mjs leaves the administrator's cookies. */
export const ADMIN_STATE = "test-results/admin.json";

export const unique = (name) => `${name}_${randomBytes(4).toString("hex")}`;

/** Fills the form of sign-up or setup. */
export async function fillPerson(page, { username, first_name, last_name, email }) {
  await page.locator("[name=first_name]").fill(first_name);
  await page.locator("[name=last_name]").fill(last_name ?? "");
  await page.locator("[name=username]").fill(username);
  if (email) await page.locator("[name=email]").fill(email);
  await page.locator("[name=password]").fill(PASSWORD);
  await page.locator("[name=consent]").check();
}

export const submit = (page) => page.locator("main form button[type=submit]").first().click();

/** Signs up by the form of a page. */
export async function signUpByForm(page, person) {
  await page.goto("/accounts/signup");
  await fillPerson(page, person);
  await submit(page);
  await page.waitForURL(/\/chat\/?$/);
}

/** Sends the form that stands on `path`, without drawing a page: for what a spec needs but is not about. */
export async function post(context, path, action, fields) {
  const answer = await context.request.get(path);
  const token = (await answer.text()).match(/name="csrf_token" value="([^"]+)"/)?.[1];
  const page = new URL(answer.url());
  const sent = await context.request.post(new URL(action, page).href, {
    form: { csrf_token: token, ...fields },
    headers: { Origin: page.origin },
    maxRedirects: 0,
  });
  expect(sent.status(), `${action} with ${JSON.stringify(fields)}`).toBe(303);
}

const fieldsOf = (person) => ({ last_name: "", email: "", ...person, password: PASSWORD, consent: "on" });

/** Signs up, on the page's own server or on the one at `url`. */
export const signUp = (page, person, url = "") =>
  post(page.context(), `${url}/accounts/signup`, "/accounts/signup", fieldsOf(person));

export async function logIn(page, login, password = PASSWORD) {
  await page.goto("/accounts/login");
  await page.locator("[name=login]").fill(login);
  await page.locator("[name=password]").fill(password);
  await submit(page);
}

/** Sets an empty server up: the administrator, who is logged in on `page` then. */
export const setUp = (page, setupUrl) =>
  post(page.context(), setupUrl, "/setup", { ...fieldsOf(ADMIN), code: new URL(setupUrl).searchParams.get("code") });

/** Makes a room. */
export const makeRoom = (page, name, topic = "") => post(page.context(), "/admin/rooms", "/admin/rooms", { name, topic });

/** Makes a room by the form on the administration's page. */
export async function makeRoomByForm(page, name, topic) {
  await page.goto("/admin/rooms");
  const form = page.locator("form[action='/admin/rooms'][method=post]");
  await form.locator("[name=name]").fill(name);
  await form.locator("[name=topic]").fill(topic);
  await form.locator("button[type=submit]").click();
  await expect(page.locator(`a[href='/chat/room/${name}']`).first()).toBeVisible();
}

/** Opens a room and joins it if need be. */
export async function enter(page, room) {
  await post(page.context(), "/chat/", `/chat/room/${room}/join`, {});
  await page.goto(`/chat/room/${room}`);
  await connected(page);
}

/** The page's socket is open. */
export async function connected(page) {
  await page.waitForFunction(() => {
    const room = document.querySelector("#room");
    return room?._htmx?.ws?.connection?.socket?.readyState === WebSocket.OPEN && !room.matches(".disconnected");
  });
}

/** The stored messages on a page, in order. */
export const bodies = (page) => page.locator("#messages > [id^='m-'] .body").allTextContents();
export const message = (page, text) => page.locator("#messages > [id^='m-'] .body").getByText(text, { exact: true });
export const unconfirmed = (page) => page.locator("#messages > :is(.pending, .failed)");
export const composer = (page) => page.locator("#composer textarea");

/** Writes like a person: into the composer, then Enter. */
export async function say(page, text) {
  await composer(page).fill(text);
  await composer(page).press("Enter");
}

/** Sends many messages over a socket of its own, and waits until the last one is stored. */
export async function sayMany(page, room, count, text = (n) => `Message ${n}`) {
  const texts = Array.from({ length: count }, (_, index) => text(index + 1));
  await page.evaluate(
    async ({ room, texts }) => {
      const socket = new WebSocket(`ws://${location.host}/ws/chatroom/${room}`);
      await new Promise((done, failed) => {
        socket.onopen = done;
        socket.onerror = failed;
      });
      // One after the other in blocks: a room is written in order, and at most 256 may be unconfirmed.
      for (let start = 0; start < texts.length; start += 100) {
        const block = texts.slice(start, start + 100).map((body) => ({ body, client_id: crypto.randomUUID() }));
        const open = new Set(block.map(({ client_id }) => client_id));
        await new Promise((done, failed) => {
          socket.onmessage = ({ data }) => {
            if (data.startsWith('{"error"')) failed(new Error(data));
            for (const [, id] of data.matchAll(/data-client="([^"]+)"/g)) open.delete(id);
            if (open.size === 0) done();
          };
          for (const one of block) socket.send(JSON.stringify(one));
        });
      }
      socket.close();
    },
    { room, texts },
  );
}

/** Makes two people friends. */
export async function befriend(one, other) {
  for (const [page, asked] of [[one, other], [other, one]]) {
    await post(page.context(), "/friends", "/friends/requests", { username: asked.person.username });
  }
}
