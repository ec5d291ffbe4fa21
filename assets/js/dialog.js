// The dialog of the shell. A link with `hx-target="#dialog"` fills and opens it; without this script it leads to a page
// that asks the same. The browser keeps the focus inside and closes it with Esc.

export function dialog() {
  /** The id of the link that opened it: the list that it stands in may be drawn anew meanwhile. */
  let opener = "";
  return {
    init() {
      const { $el } = this;
      document.addEventListener("htmx:after:swap", ({ detail }) => {
        if (detail.ctx?.target !== $el || $el.open) return;
        opener = detail.ctx.sourceElement.id;
        $el.setAttribute("aria-labelledby", $el.querySelector("h2").id);
        $el.showModal();
      });
      $el.addEventListener("click", (event) => {
        if (event.target !== $el && !event.target.closest("[data-close]")) return;
        event.preventDefault();
        $el.close();
      });
      $el.addEventListener("close", () => {
        $el.replaceChildren();
        (document.getElementById(opener) ?? document.querySelector("main h2[tabindex]"))?.focus();
      });
      // Done, or refused for good: only a form with wrong fields stays.
      document.addEventListener("htmx:finally:request", ({ detail }) => {
        const { method } = detail.ctx.request;
        if ($el.open && method !== "GET" && detail.ctx.response?.status !== 422) $el.close();
      });
    },
  };
}
