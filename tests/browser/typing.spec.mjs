// Who types is shown to the others, for a moment.

import { enter, message, say, unique } from "./people.mjs";
import { expect, test } from "./test.mjs";

test("the others see who types, until it is written or they stop", async ({ person, newRoom }) => {
  const room = await newRoom("sky");
  const [ada, bob, cleo] = [await person("Ada"), await person("Bob"), await person("<b>Cleo", { username: unique("cleo") })];
  for (const page of [ada, bob, cleo]) await enter(page, room);
  const sentence = (page) => page.locator("#typing p");
  const write = (page) => page.locator("#composer textarea").pressSequentially("hel");
  await write(ada);
  await expect(sentence(bob)).toHaveText("Ada is typing");
  await write(cleo);
  await expect(sentence(bob)).toHaveText("Ada and <b>Cleo are typing");
  await expect(sentence(ada)).toHaveText("<b>Cleo is typing");
  const text = unique("hello");
  await cleo.locator("#composer textarea").fill("");
  await say(cleo, text);
  await expect(message(ada, text)).toBeVisible();
  await expect(sentence(ada)).toBeEmpty();
  await expect(sentence(bob)).toBeEmpty();
  await expect(ada.locator("#typing .typing-dots")).toBeHidden();
});
