// The password field: show and hide, and an honest hint while a new one is chosen. Length is what counts; there
// are no rules to pass, and nothing here decides: the server does.
//
// Markup: `<div x-data="passwordField">` around the input (`:type="type"`), a button (`@click="toggle"`,
// `:aria-pressed="pressed"`) and, for a new password, a hint (`x-text="hint"`, `:data-level="level"`).

/** The server's limits, in characters. */
const SHORTEST = 10;
const LONGEST = 256;
const GOOD = 14;
const STRONG = 20;

export function judge(password) {
  const length = [...password].length;
  if (length === 0) return { level: "", hint: "" };
  if (length < SHORTEST) {
    const missing = SHORTEST - length;
    return { level: "short", hint: `${missing} more ${missing === 1 ? "character" : "characters"} to go.` };
  }
  if (length > LONGEST) return { level: "short", hint: `That is more than ${LONGEST} characters.` };
  // Repeating one or two characters makes it long, not hard to guess.
  if (new Set(password.toLowerCase()).size < 5) return { level: "short", hint: "Long, but easy to guess." };
  if (length < GOOD) return { level: "fair", hint: "Long enough. Longer is better." };
  if (length < STRONG) return { level: "good", hint: "Good." };
  return { level: "strong", hint: "Strong." };
}

export function passwordField() {
  return {
    shown: false,
    level: "",
    hint: "",
    get type() {
      return this.shown ? "text" : "password";
    },
    get pressed() {
      return this.shown ? "true" : "false";
    },
    init() {
      const input = this.$el.querySelector("input");
      if (!input) return;
      const update = () => Object.assign(this, judge(input.value));
      input.addEventListener("input", update);
      // Sent, it is hidden again: browsers offer to remember only what looks like a password.
      input.form?.addEventListener("submit", () => {
        this.shown = false;
        input.type = "password";
      });
      update();
    },
    toggle() {
      this.shown = !this.shown;
    },
  };
}
