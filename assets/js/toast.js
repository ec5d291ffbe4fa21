// A short notice in the corner. The server sends it with its answer (the event `toast`); what goes wrong on the way to
// the server or there is told here too, and stays until it is closed.

const SHOWN_MS = 5_000;
/** A live region announces only changes, so it is emptied before a text is set: the same text may come twice. */
const EMPTY_MS = 100;

function refusal({ ctx }) {
  const page = new DOMParser().parseFromString(ctx.text ?? "", "text/html");
  return page.querySelector("[role=alert] p")?.textContent.trim() || "The server did not do it.";
}

/** Only forms are told of: what is loaded by scrolling or typing is asked for again. */
const isForm = ({ ctx }) => ctx?.request?.method && ctx.request.method !== "GET";

export function toast() {
  let timer = null;
  return {
    notice: "",
    problem: "",
    get kind() {
      if (this.problem) return "shown bad";
      return this.notice ? "shown ok" : "";
    },
    get closed() {
      return this.kind === "";
    },
    init() {
      document.addEventListener("toast", ({ detail }) => this.show("notice", detail.value));
      document.addEventListener("htmx:response:error", ({ detail }) => {
        const { sourceElement, response } = detail.ctx;
        // Then the form says it itself, beside its fields.
        const isShown = response.status === 422 || sourceElement.hasAttribute(`hx-status:${response.status}`);
        if (isForm(detail) && !isShown) this.show("problem", refusal(detail));
      });
      document.addEventListener("htmx:error", ({ detail }) => {
        if (isForm(detail)) this.show("problem", "The server cannot be reached. Nothing was changed.");
      });
    },
    show(kind, text) {
      this.close();
      timer = setTimeout(() => {
        this[kind] = text;
        if (kind === "notice") timer = setTimeout(() => this.close(), SHOWN_MS);
      }, EMPTY_MS);
    },
    close() {
      clearTimeout(timer);
      this.notice = "";
      this.problem = "";
    },
  };
}
