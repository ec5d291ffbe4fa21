// The password field: show and hide, and an honest hint while a new one is chosen. Length is what counts; there
// are no rules to pass, and nothing here decides: the server does.
//
// Markup: `div.field` around the input, `button.reveal[hidden]` and, for a new password, `.strength` with a `.hint`.

/** The server's limits, in characters. */
const SHORTEST = 10;
const LONGEST = 256;
const GOOD = 14;
const STRONG = 20;

function judge(password) {
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

function reveal(button, shown) {
  button.closest(".field").querySelector("input").type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
}

function typed({ target }) {
  const strength = target.closest(".field")?.querySelector(".strength");
  if (!strength) return;
  const { level, hint } = judge(target.value);
  strength.dataset.level = level;
  strength.querySelector(".hint").textContent = hint;
}

/** The buttons that came with the page, or later. */
function prepare() {
  for (const button of document.querySelectorAll("button.reveal[hidden]")) {
    button.hidden = false;
    button.addEventListener("click", () => reveal(button, button.getAttribute("aria-pressed") === "false"));
    // Sent, it is hidden again: browsers offer to remember only what looks like a password.
    button.form.addEventListener("submit", () => reveal(button, false));
  }
}

export function start() {
  prepare();
  document.addEventListener("htmx:after:swap", prepare);
  document.addEventListener("input", typed);
}
