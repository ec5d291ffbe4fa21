// Buttons that copy: what stands in the field with the id that they name, or, without one, the code below them. Those of fields
// are hidden without this script, and where there is no clipboard.

const notice = (value) => document.dispatchEvent(new CustomEvent("toast", { detail: { value } }));

async function copy(text, whenItFails) {
  try {
    await navigator.clipboard.writeText(text);
    notice("Copied.");
  } catch {
    notice(whenItFails);
  }
}

function onClick({ target }) {
  const button = target.closest("button[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field?.select();
  if (field) copy(field.value, "Copy what is marked.");
  else copy(button.closest(".code").querySelector("code").textContent, "This browser did not copy it.");
}

export function start() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
  document.addEventListener("click", onClick);
}
