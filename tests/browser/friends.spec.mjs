// Finding people, asking them, and what all concerned see of it without a reload.

import { befriend, composer, connected, enter, message, post, say, unique } from "./people.mjs";
import { expect, test } from "./test.mjs";

const row = (page, person) => page.locator("main li", { hasText: `@${person.person.username}` });

test("a request arrives, is accepted, and a third person sees nothing of it", async ({ person }) => {
  const [ada, bob, cleo] = [await person("Ada"), await person("Bob"), await person("Cleo")];
  await bob.goto("/chat/");
  await cleo.goto("/friends");
  await ada.goto("/friends");
  await expect(ada.getByRole("heading", { name: "Nobody yet" })).toBeVisible();
  await ada.getByRole("searchbox", { name: "Find people" }).pressSequentially(bob.person.username);
  await ada.getByRole("button", { name: "Add Bob as a friend" }).click();
  await expect(ada.locator(".toast")).toContainText("Your request is sent.");
  await expect(ada.locator("#contacts").getByText("Sent by you")).toBeVisible();

  const friends = bob.getByRole("link", { name: /^Friends/ });
  await expect(friends).toHaveAccessibleName("Friends 1 waiting");
  await friends.click();
  await row(bob, ada).getByRole("button", { name: "Accept" }).click();
  await expect(bob.locator("#contacts").getByRole("heading", { name: "Friends" })).toBeVisible();
  await expect(friends).toHaveAccessibleName("Friends");
  await expect(ada.locator("#contacts").getByRole("heading", { name: "Friends" })).toBeVisible();
  await expect(friends).toHaveAttribute("aria-current", "page");

  await row(bob, ada).getByRole("button", { name: /^Remove/ }).click();
  await expect(ada.getByRole("heading", { name: "Nobody yet" })).toBeVisible();
  await expect(cleo.getByRole("heading", { name: "Nobody yet" })).toBeVisible();
});

test("what is typed into the search stays while lists change around it", async ({ person }) => {
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await bob.goto("/friends");
  const search = bob.getByRole("searchbox", { name: "Find people" });
  await search.fill("nobody at all");
  await expect(bob.getByText("Nobody found.")).toBeVisible();
  await ada.goto(`/@${bob.person.username}`);
  await ada.getByRole("button", { name: "Add Bob as a friend" }).click();
  await expect(row(bob, ada)).toBeVisible();
  await expect(search).toHaveValue("nobody at all");
  await expect(search).toBeFocused();
});

test("an older answer of the search does not overwrite a newer one", async ({ person }) => {
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await ada.goto("/friends");
  const search = ada.getByRole("searchbox", { name: "Find people" });
  const older = ada.waitForRequest(/q=nobody/);
  await ada.route(/q=nobody/, () => {});
  await search.fill("nobody at all");
  await older;
  await search.fill(bob.person.username);
  await expect(row(ada, bob)).toBeVisible();
  // What is not waited for any more cannot come late.
  await expect.poll(async () => (await older).failure()?.errorText).toBe("net::ERR_ABORTED");
});

test("messages of somebody who is blocked are folded, for the blocker only", async ({ person, newRoom }) => {
  const [room, text, more] = [await newRoom("sky"), unique("hello"), unique("more")];
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await enter(bob, room);
  await enter(ada, room);
  for (const one of [text, more]) {
    await say(ada, one);
    await expect(message(bob, one)).toBeVisible();
  }
  await bob.goto(`/@${ada.person.username}`);
  await bob.getByRole("button", { name: "Block Ada" }).click();
  await expect(bob.getByRole("button", { name: "Unblock Ada" })).toBeVisible();
  await bob.goto(`/chat/room/${room}`);
  const folded = bob.locator("#messages > .message .body").filter({ hasText: text });
  await expect(folded).toHaveCSS("visibility", "hidden");
  await bob.locator("#messages > .message", { hasText: text }).hover({ position: { x: 60, y: 10 } });
  await expect(folded).toHaveCSS("visibility", "visible");
  await expect(message(ada, text)).toBeVisible();

  // By keyboard the menu of the messages opens them, also one that follows another without a name.
  await bob.mouse.move(5, 5);
  await expect(folded).toHaveCSS("visibility", "hidden");
  const next = bob.locator("#messages > .message.continued .body").filter({ hasText: more });
  await expect(next).toHaveCSS("visibility", "hidden");
  await bob.getByLabel("What to do with this message").focus();
  await bob.keyboard.press("ArrowDown");
  await expect(next).toHaveCSS("visibility", "visible");
  await expect(folded).toHaveCSS("visibility", "hidden");
  await bob.keyboard.press("ArrowUp");
  await expect(folded).toHaveCSS("visibility", "visible");
});

test("the chat of two who are not friends any more closes at once, and opens again when they are", async ({ person }) => {
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await befriend(ada, bob);
  await post(ada.context(), "/chat/", `/chat/with/${bob.person.username}`, {});
  for (const [page, other] of [[ada, "Bob"], [bob, "Ada"]]) {
    await page.goto("/chat/");
    await page.locator("#my-rooms").getByRole("link", { name: other }).click();
    await connected(page);
  }
  await say(ada, "good night");
  await expect(message(bob, "good night")).toBeVisible();
  await composer(bob).fill("half a thought");
  await post(ada.context(), "/friends", `/friends/${bob.person.username}/remove`, {});
  for (const page of [ada, bob]) {
    await expect(page.locator(".archived")).toContainText("You are not friends any more.");
    await expect(composer(page)).toHaveCount(0);
    await expect(message(page, "good night")).toBeVisible();
  }
  await expect(bob.locator("#messages > .failed .body")).toHaveText(["half a thought"]);

  await befriend(ada, bob);
  await bob.locator("#my-rooms").getByRole("link", { name: "Ada" }).click();
  await connected(bob);
  await ada.reload();
  await say(bob, "good morning");
  await expect(message(ada, "good morning")).toBeVisible();
});

test("all of it works without script", async ({ person }) => {
  const ada = await person("Ada");
  const bob = await person("Bob", { javaScriptEnabled: false });
  await bob.goto("/friends");
  await bob.getByRole("searchbox", { name: "Find people" }).fill(ada.person.username);
  await bob.keyboard.press("Enter");
  await bob.getByRole("button", { name: "Add Ada as a friend" }).click();
  await expect(bob).toHaveURL(/\/friends\/search\?q=/);
  await expect(bob.getByRole("button", { name: "Cancel the request to Ada" })).toBeVisible();
  await bob.goto("/friends");
  await bob.getByRole("button", { name: "Cancel the request to Ada" }).click();
  await expect(bob).toHaveURL(/\/friends$/);
  await expect(bob.getByRole("heading", { name: "Nobody yet" })).toBeVisible();
});
