// How people are shown, and what others see of them: a new name stands at once on pages that are open, and a click on a
// name opens the profile.

import { connected, enter, message, say, unique } from "./people.mjs";
import { expect, PHONE, STATUS, test } from "./test.mjs";

async function save(page, fields) {
  await page.goto("/settings/profile");
  for (const [name, value] of Object.entries(fields)) await page.locator(`[name=${name}]`).fill(value);
  await page.locator("#save-profile").click();
}

test("a new name stands at once where others see it, and beside oneself", async ({ person, newRoom }) => {
  const [room, text, name] = [await newRoom("sky"), unique("hello"), unique("Luna")];
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await enter(bob, room);
  await enter(ada, room);
  await say(ada, text);
  await expect(message(bob, text)).toBeVisible();
  const joined = bob.locator(`.event bdi`).filter({ hasText: "Ada" });
  await expect(joined).toHaveCount(1);
  const tab = await ada.context().newPage();
  await tab.goto("/chat/");
  const avatars = bob.locator("#messages .avatar").filter({ hasText: "A" });
  await expect(avatars).toHaveCount(1);

  await save(ada, { display_name: name, bio: "Watches the sky.\nEvery night." });
  await expect(ada.locator(".toast")).toContainText("Your profile is saved.");
  await expect(ada.locator("#save-profile")).toBeFocused();
  await expect(bob.locator("#messages > .message > a.author bdi")).toHaveText(name);
  await expect(bob.locator("#messages .avatar")).toHaveText("L");
  await expect(joined).toHaveCount(0);
  for (const own of [ada, tab]) await expect(own.locator("#account")).toHaveAccessibleName(`${name}, your account`);
});

test("what is wrong stands beside its field, which has the focus", async ({ person, expectComplaint }) => {
  expectComplaint(STATUS(422));
  const ada = await person("Ada");
  await ada.goto("/settings/profile");
  await ada.locator("[name=bio]").evaluate((field) => field.removeAttribute("maxlength"));
  await ada.locator("[name=bio]").fill("x".repeat(501));
  await ada.locator("#save-profile").click();
  await expect(ada.locator("#field-bio-error")).toHaveText("Use at most 500 characters.");
  await expect(ada.locator("[name=bio]")).toHaveValue("x".repeat(501));
});

test("a click on a name or on the picture beside it opens the profile as a card", async ({ person, newRoom }) => {
  const [room, text] = [await newRoom("sky"), unique("hello")];
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await save(ada, { bio: "Watches the sky." });
  await enter(bob, room);
  await enter(ada, room);
  await say(ada, text);
  const name = bob.locator("#messages > .message > a.author");
  await name.click();
  const card = bob.getByRole("dialog");
  await expect(card).toContainText("Watches the sky.");
  await expect(card).toContainText(`@${ada.person.username}`);
  await bob.keyboard.press("Escape");
  await expect(card).toBeHidden();
  await expect(name).toBeFocused();
  await bob.locator("#messages .avatar").click({ force: true });
  await expect(card).toBeVisible();
  await card.getByRole("button", { name: "Close" }).click();
  await expect(card).toBeHidden();
  await connected(bob);
});

test("on a phone and without script it is a page", async ({ person, newRoom }) => {
  const [room, text] = [await newRoom("sky"), unique("hello")];
  const [ada, bob] = [await person("Ada"), await person("Bob", PHONE)];
  await enter(ada, room);
  await say(ada, text);
  await expect(message(ada, text)).toBeVisible();
  await enter(bob, room);
  await bob.locator("#messages > .message > a.author").tap();
  await expect(bob).toHaveURL(new RegExp(`/@${ada.person.username}$`));
  await expect(bob.getByRole("heading", { name: "Ada" })).toBeVisible();
});

/** A picture of that size as a file: red on the left, blue on the right. */
async function drawn(page, width, height) {
  const address = await page.evaluate(
    ({ width, height }) => {
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      const context = canvas.getContext("2d");
      for (const [colour, from] of [["red", 0], ["blue", width / 2]]) {
        context.fillStyle = colour;
        context.fillRect(from, 0, width / 2, height);
      }
      return canvas.toDataURL("image/png");
    },
    { width, height },
  );
  return { name: "me.png", mimeType: "image/png", buffer: Buffer.from(address.split(",")[1], "base64") };
}

/** The colour in the middle of a picture that is shown. */
const middle = (image) =>
  image.evaluate(async (shown) => {
    await shown.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    const context = canvas.getContext("2d");
    context.drawImage(shown, shown.naturalWidth / 2, shown.naturalHeight / 2, 1, 1, 0, 0, 1, 1);
    const [red, , blue] = context.getImageData(0, 0, 1, 1).data;
    return red > blue ? "red" : "blue";
  });

test("the part of a picture that others see is chosen by keys or by dragging", async ({ person, newRoom }) => {
  const [room, text] = [await newRoom("sky"), unique("hello")];
  const [ada, bob] = [await person("Ada"), await person("Bob")];
  await enter(bob, room);
  await enter(ada, room);
  await say(ada, text);
  await expect(message(bob, text)).toBeVisible();

  await ada.goto("/settings/profile");
  const crop = ada.locator("canvas");
  await expect(crop).toBeHidden();
  await ada.locator("[name=picture]").setInputFiles(await drawn(ada, 400, 200));
  await expect(crop).toBeVisible();
  await crop.focus();
  await ada.keyboard.press("+");
  for (let step = 0; step < 20; step += 1) await ada.keyboard.press("ArrowRight");
  await ada.locator("#save-picture").click();
  await expect(ada.locator(".toast")).toContainText("Your picture is saved.");
  for (const image of [ada.locator("#picture .avatar img"), bob.locator("#messages .avatar img"), ada.locator("#account .avatar img")]) {
    expect(await middle(image)).toBe("blue");
  }

  await ada.locator("[name=picture]").setInputFiles(await drawn(ada, 400, 200));
  await crop.scrollIntoViewIfNeeded();
  const { x, y } = await crop.boundingBox();
  await ada.mouse.move(x + 20, y + 90);
  await ada.mouse.down();
  await ada.mouse.move(x + 180, y + 90, { steps: 4 });
  await ada.mouse.up();
  const before = await bob.locator("#messages .avatar img").getAttribute("src");
  await ada.locator("#save-picture").click();
  await expect(bob.locator("#messages .avatar img")).not.toHaveAttribute("src", before);
  expect(await middle(bob.locator("#messages .avatar img"))).toBe("red");

  await ada.getByRole("button", { name: "Remove the picture" }).click();
  await expect(bob.locator("#messages .avatar")).toHaveText("A");
});
