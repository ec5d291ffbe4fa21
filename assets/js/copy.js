// A button that copies what stands in a field. It is hidden without this script, and where there is no clipboard.

const notice = (value) => document.dispatchEvent(new CustomEvent("toast", { detail: { value } }));

async function copy(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    notice("Copied.");
  } catch {
    notice("Copy what is marked.");
  }
}

export function start() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(document.getElementById(button.dataset.copy)));
  }
}
