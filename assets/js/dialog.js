// The dialog of the shell. A link with `hx-target="#dialog"` fills and opens it; without this script it leads to a page
// that asks the same. The browser keeps the focus inside and closes it with Esc.

/** What opened it. */
let opener = null;

/** The same, also when the list that it stands in was drawn anew meanwhile. */
const openerNow = () => (opener?.isConnected ? opener : document.getElementById(opener?.id ?? ""));

function open(element, from) {
  opener = from;
  element.setAttribute("aria-labelledby", element.querySelector("h2").id);
  if (element.open) element.querySelector("[autofocus]")?.focus();
  else element.showModal();
}

/** Asks what stands in `template`; the focus returns to the element `from`. */
export function ask(template, from) {
  const element = document.getElementById("dialog");
  element.replaceChildren(template.content.cloneNode(true));
  open(element, from);
}

export function dialog() {
  return {
    init() {
      const { $el } = this;
      // By its selector where the server sent the answer here instead.
      const isHere = ({ ctx }) => ctx?.target === $el || ctx?.target === "#dialog";
      document.addEventListener("htmx:after:swap", ({ detail }) => {
        if (isHere(detail)) open($el, $el.open ? opener : detail.ctx.sourceElement);
      });
      $el.addEventListener("click", (event) => {
        if (event.target !== $el && !event.target.closest("[data-close]")) return;
        event.preventDefault();
        $el.close();
      });
      // Not the event `close`: Chromium fires it with the next frame, when another question may stand there already.
      new MutationObserver(() => {
        if ($el.open) return;
        $el.replaceChildren();
        (openerNow() ?? document.querySelector("main h2[tabindex]"))?.focus();
      }).observe($el, { attributeFilter: ["open"] });
      // Done, or refused for good. What may succeed later stays, with what was typed: wrong fields, a server that is busy,
      // a network that is away.
      document.addEventListener("htmx:finally:request", ({ detail }) => {
        const { request, response } = detail.ctx;
        const status = response?.status ?? 0;
        const isOver = (status >= 200 && status < 400) || [403, 404, 409].includes(status);
        if ($el.open && request.method !== "GET" && isOver && !isHere(detail)) $el.close();
      });
    },
  };
}
