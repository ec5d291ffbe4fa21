// What is written in Markdown: how it looks to the others, and what does not become markup.

import { enter, say, unique } from "./people.mjs";
import { accessible, expect, fits, PHONE, test } from "./test.mjs";

for (const [look, options] of [
  ["night", { colorScheme: "dark" }],
  ["dawn, phone", { ...PHONE, colorScheme: "light" }],
]) {
  test(`Markdown is drawn for everybody, and nothing but that (${look})`, async ({ person, newRoom }) => {
    const room = await newRoom("sky");
    const [ada, bob] = [await person("Ada", options), await person("Bob", options)];
    await ada.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    for (const page of [ada, bob]) await enter(page, room);
    const mark = unique("mark");
    await say(bob, `**bold** *italic* ~~gone~~ \`code\` and [a link](https://example.org/${mark}) <b>not bold</b>`);
    await say(bob, "> quoted\n- first\n- second");
    await say(bob, `\`\`\`js\nconst ${mark} = "a long line that does not fit into a phone, however one turns it, and scrolls by itself";\n\`\`\``);
    await say(bob, "\u{1F319}");
    await say(bob, "[x](javascript:alert(1)) <img src=x onerror=alert(1)>");
    for (const page of [ada, bob]) {
      const [first, second, third, fourth, fifth] = [1, 2, 3, 4, 5].map((seq) => page.locator(`#m-${seq} .body`));
      await expect(first).toHaveText(`bold italic gone code and a link <b>not bold</b>`);
      await expect(first.locator("strong")).toHaveText("bold");
      await expect(first.locator("em")).toHaveText("italic");
      await expect(first.locator("s")).toHaveText("gone");
      const link = first.getByRole("link", { name: "a link" });
      await expect(link).toHaveAttribute("href", `https://example.org/${mark}`);
      await expect(link).toHaveAttribute("rel", "noopener noreferrer nofollow ugc");
      await expect(link).toHaveAttribute("target", "_blank");
      await expect(second.locator("blockquote")).toHaveText("quoted");
      await expect(second.getByRole("listitem")).toHaveText(["first", "second"]);
      await expect(third.locator("pre")).toContainText(mark);
      await expect(third).toContainText("js");
      await expect(fourth).toHaveCSS("font-size", "38px");
      await expect(fifth).toHaveText("[x](javascript:alert(1)) <img src=x onerror=alert(1)>");
      await expect(fifth.locator("a, img")).toHaveCount(0);
      await accessible(page, "Markdown");
      await fits(page, "Markdown");
    }
    await ada.locator("#m-3").getByRole("button", { name: "Copy the code" }).click();
    await expect(ada.getByText("Copied.")).toBeVisible();
    expect(await ada.evaluate(() => navigator.clipboard.readText())).toMatch(new RegExp(`^const ${mark} = .*;\\n$`));
  });
}
