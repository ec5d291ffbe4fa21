// Reactions: which of them are the reader's, and the choice among all emoji. That is a form with a button for each, which
// works by itself; here they are searched, take on a skin, and those used last stand first. The form of the composer's
// button sends nothing: what is chosen there is put into the text.

import { find, me } from "./dom.js";
import * as storage from "./storage.js";

const USED_LAST = 16;

/** Says of the reactions to these messages whether the reader gives them too; the style shows it without script. */
export function press(items) {
  for (const item of items) {
    for (const reaction of item.querySelectorAll(".reaction")) {
      // Where nobody can write any more.
      reaction.disabled = !document.getElementById("reacting");
      const by = reaction.dataset.by.trim().split(" ");
      const isMine = by.includes(me.slice(-12));
      // Of whoever gave it before all who are named there nothing is known.
      reaction.ariaPressed = isMine || by.length === Number(reaction.textContent.match(/\d+$/)) ? String(isMine) : null;
    }
  }
}

/** Puts what is chosen where the cursor of the composer is. */
function insert(event) {
  event.preventDefault();
  const emoji = event.submitter.value;
  event.target.closest("dialog").close();
  // By then the dialog has given the focus back to the button.
  queueMicrotask(() => {
    find("#composer-body").focus();
    // Unlike `setRangeText` it can be undone.
    document.execCommand("insertText", false, emoji);
  });
}

export function emojiPicker() {
  return {
    init() {
      const { $el: form } = this;
      const [search, skin] = [find("[type=search]", form), find("select", form)];
      const kept = storage.loadMine("emoji") ?? { skin: "", last: [] };
      const buttons = () => form.querySelectorAll("button[name=emoji]");

      const filter = () => {
        const words = search.value.toLowerCase().split(/\s+/);
        const isWanted = ({ title, dataset }) => words.every((word) => `${title} ${dataset.words}`.toLowerCase().includes(word));
        for (const button of buttons()) button.hidden = !isWanted(button);
        const sections = [...form.querySelectorAll("section")];
        for (const section of sections) section.hidden = !find("button:not([hidden])", section);
        find("[data-none]", form).hidden = sections.some((section) => !section.hidden);
      };
      const tone = () => {
        for (const button of form.querySelectorAll("[data-tones]")) {
          button.dataset.plain ??= button.value;
          button.value = skin.value ? button.dataset.tones.split(" ")[skin.value] : button.dataset.plain;
          button.textContent = button.value;
        }
      };
      const draw = () => {
        skin.value = kept.skin;
        tone();
        const all = [...buttons()];
        const plain = ({ value, dataset }) => dataset.plain ?? value;
        const last = kept.last.map((emoji) => all.find((button) => plain(button) === emoji)).filter(Boolean);
        find("[aria-busy]", form)?.removeAttribute("aria-busy");
        find("[data-recent] > div", form).replaceChildren(...last.map((button) => button.cloneNode(true)));
        filter();
      };

      search.addEventListener("input", filter);
      // Not the form: nobody chose an emoji.
      search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
      skin.addEventListener("change", () => {
        kept.skin = skin.value;
        storage.saveMine("emoji", kept);
        tone();
      });
      form.addEventListener("submit", (event) => {
        const { submitter } = event;
        kept.last = [...new Set([submitter.dataset.plain ?? submitter.value, ...kept.last])].slice(0, USED_LAST);
        storage.saveMine("emoji", kept);
        if (form.method === "dialog") insert(event);
      });
      if (buttons().length > 0) draw();
      else form.addEventListener("htmx:after:swap", draw, { once: true });
      for (const event of ["htmx:response:error", "htmx:error"]) {
        form.addEventListener(event, () => {
          const waits = find("[aria-busy] > p", form);
          if (waits) waits.textContent = "The emoji could not be loaded. Close this and open it again.";
        });
      }
    },
  };
}
