// A click on a person's name opens their profile as a card over the page, where there is room for one. On a phone, with a
// key held down, from the quick switcher, and without this script the link leads to its page.

const ROOMY = window.matchMedia("(width >= 768px)");

export function start() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="/@"]');
    const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (!link || !isPlain || event.defaultPrevented || !ROOMY.matches || link.closest("form, #switched")) return;
    event.preventDefault();
    window.htmx.ajax("GET", link.href, { source: link, target: "#dialog", swap: "innerHTML" });
  });
  // Then its page says what is wrong.
  for (const failed of ["htmx:response:error", "htmx:error"]) {
    document.addEventListener(failed, ({ detail }) => {
      const link = detail.ctx?.sourceElement;
      if (link?.matches?.('a[href^="/@"]')) window.location.assign(link.href);
    });
  }
}
