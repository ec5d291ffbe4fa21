// Every form answers at once: its button is busy until the next page, or until htmx has its answer. A second click
// sends nothing twice. Without this script forms simply are forms.

const busyForms = new Set();

function begin(form, button) {
  busyForms.add(form);
  form.setAttribute("aria-busy", "true");
  if (!button) return;
  button.setAttribute("aria-busy", "true");
  const { busy } = button.dataset;
  const label = button.querySelector(".label");
  if (busy && label) {
    // The label changes; the width must not.
    button.style.minWidth = `${button.offsetWidth}px`;
    button.dataset.label = label.textContent;
    label.textContent = busy;
  }
  // A button that is disabled loses the focus, which a form of htmx keeps on the page that it changes.
  if (form.hasAttribute("hx-post")) return;
  // Later: a button that is disabled now would not be part of what is sent.
  setTimeout(() => busyForms.has(form) && (button.disabled = true));
}

function end(form) {
  if (!busyForms.delete(form)) return;
  form.removeAttribute("aria-busy");
  for (const button of form.elements) {
    if (!button.hasAttribute("aria-busy")) continue;
    button.disabled = false;
    button.removeAttribute("aria-busy");
    button.style.minWidth = "";
    // htmx copies the attribute to the new button, which the content security policy would refuse.
    button.removeAttribute("style");
    const label = button.querySelector(".label");
    if (label && button.dataset.label) label.textContent = button.dataset.label;
  }
}

function submitted(event) {
  const { target: form, submitter } = event;
  if (form.id === "composer") return;
  // Where buttons stand outside of their form, each waits for itself.
  if (busyForms.has(form) && (!submitter || form.contains(submitter) || submitter.hasAttribute("aria-busy"))) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  // Searching by typing keeps its field usable.
  if ((form.getAttribute("method") ?? "get").toLowerCase() === "get") return;
  begin(form, submitter ?? form.querySelector("button:not([type=button])"));
  // Nothing tells when the browser has begun to keep the answer as a file.
  if (form.hasAttribute("data-download")) setTimeout(end, 3000, form);
}

export function start() {
  // The first wrong field has the focus: the page asks for it where it can, a checkbox gets it here.
  if (!document.querySelector("[autofocus]")) document.querySelector("main form [aria-invalid=true]")?.focus();
  document.addEventListener("submit", submitted, { capture: true });
  // Before the answer is swapped in; `finally` is for those that never came.
  for (const event of ["htmx:after:request", "htmx:finally:request"]) {
    document.addEventListener(event, ({ target }) => {
      const form = target.closest?.("form");
      if (form) end(form);
    });
  }
  // Back from the next page by the browser's button: everything is ready again.
  window.addEventListener("pageshow", () => [...busyForms].forEach(end));
}
