// Everything by keyboard, and the focus is where one expects it.

import { PASSWORD, bodies, composer, connected, enter, message, unique } from "./people.mjs";
import { expect, PHONE, test } from "./test.mjs";

/** Presses Tab until the focus is on `selector`. */
async function tabTo(page, selector, most = 400) {
  for (let n = 0; n < most; n += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab never reached ${selector}`);
}

/** The focus can be seen. */
async function visibleFocus(page) {
  const drawn = await page.evaluate(() => {
    const one = document.activeElement;
    const boxes = [one, one.parentElement, one.closest(".composer-box, .input-group")].filter(Boolean);
    return boxes.some((box) => {
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(box);
      return (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
    });
  });
  expect(drawn, "the focus is visible").toBe(true);
}

test("from sign-up to log-out without a mouse", async ({ visitor }) => {
  const page = await visitor();
  await page.goto("/accounts/signup");
  const keys = page.keyboard;
  for (const [name, value] of [["first_name", "Kay"], ["username", unique("kay")], ["password", PASSWORD]]) {
    await tabTo(page, `[name=${name}]`);
    await visibleFocus(page);
    await keys.type(value);
  }
  await tabTo(page, "[name=consent]");
  await keys.press("Space");
  await keys.press("Enter");
  await page.waitForURL(/\/chat\/?$/);

  // The first stop of every page leads past the side bar.
  await keys.press("Tab");
  await expect(page.locator(".skip-link")).toBeFocused();
  await visibleFocus(page);
  await tabTo(page, "a[href='/chat/room/Random']");
  await keys.press("Enter");
  await page.waitForURL(/\/chat\/room\/Random$/);
  await tabTo(page, "form[action='/chat/room/Random/join'] button");
  await keys.press("Enter");
  await connected(page);

  await tabTo(page, "#composer textarea");
  await visibleFocus(page);
  const text = unique("typed");
  await keys.type(text);
  await keys.press("Enter");
  await expect(page.locator("#messages > [id^='m-']").getByText(text)).toBeVisible();
  expect(await bodies(page)).toContain(text);
  await expect(page.locator("#composer textarea")).toBeFocused();

  await page.evaluate(() => document.activeElement.blur());
  await page.locator("#scroller").focus();
  await visibleFocus(page);

  // A menu opens, closes with Esc, and gives the focus back.
  await page.evaluate(() => document.body.focus());
  await tabTo(page, ".room-menu > summary", 80);
  await keys.press("Enter");
  await expect(page.locator(".room-menu")).toHaveAttribute("open", "");
  await keys.press("Tab");
  await keys.press("Escape");
  await expect(page.locator(".room-menu")).not.toHaveAttribute("open", "");
  await expect(page.locator(".room-menu > summary")).toBeFocused();

  await tabTo(page, ".account > summary", 80);
  await keys.press("Enter");
  await tabTo(page, "form[action='/accounts/logout'] button");
  await keys.press("Enter");
  await page.waitForURL((url) => !url.pathname.startsWith("/chat"));
});

test("a click elsewhere closes an open menu", async ({ person }) => {
  const page = await person("Ada");
  await page.goto("/chat/");
  await page.locator(".account > summary").click();
  await expect(page.locator(".account")).toHaveAttribute("open", "");
  await page.locator("main").click({ position: { x: 600, y: 400 } });
  await expect(page.locator(".account")).not.toHaveAttribute("open", "");
});

test("Enter sends by a tablet's real keyboard, and makes a line on its on-screen one", async ({ person, newRoom }) => {
  const page = await person("Tab", PHONE);
  await enter(page, await newRoom("keys"));
  const text = composer(page);
  await text.fill("real");
  await text.press("Enter");
  await expect(message(page, "real")).toHaveCount(1);
  await expect(text).toHaveValue("");

  // What the key of an on-screen keyboard is called, and what it does.
  await expect(text).toHaveAttribute("enterkeyhint", "enter");
  const devTools = await page.context().newCDPSession(page);
  await text.fill("Android");
  // It has no place on a keyboard, so the event has no code.
  await devTools.send("Input.dispatchKeyEvent", { type: "keyDown", key: "Enter", code: "", windowsVirtualKeyCode: 13, text: "\r" });
  await expect(text).toHaveValue("Android\n");
  await text.press("Control+Enter");
  await expect(message(page, "Android")).toHaveCount(1);

  await text.fill("iOS");
  await page.evaluate(() => Object.defineProperty(visualViewport, "height", { value: innerHeight - 300 }));
  await text.press("Enter");
  await expect(text).toHaveValue("iOS\n");
  await text.press("Meta+Enter");
  await expect(message(page, "iOS")).toHaveCount(1);
  await expect(text).toHaveValue("");
});

test("a menu closes by Esc, by a click beside it and by the focus that leaves it", async ({ visitor }) => {
  const page = await visitor();
  await page.goto("/");
  const menu = page.locator("details.popup");
  const look = page.locator("summary[aria-label=Look]");
  const dawn = menu.getByRole("button", { name: "Dawn" });
  for (const leave of [
    () => page.keyboard.press("Escape"),
    () => page.locator("h1").click(),
    () => page.getByRole("link", { name: "Create an account" }).focus(),
  ]) {
    await look.click();
    await expect(dawn).toBeVisible();
    await dawn.focus();
    await leave();
    await expect(dawn).toBeHidden();
  }
  await look.click();
  await dawn.focus();
  await page.keyboard.press("Escape");
  await expect(look).toBeFocused();

  await look.click();
  await dawn.click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dawn");
});
