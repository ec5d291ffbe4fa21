// Menus and popovers are a `<details class="popup">`: they open without this script. With it Esc closes one and returns
// the focus, and a click or the focus anywhere else closes it too.

const openMenus = () => document.querySelectorAll("details.popup[open]");

function closeOthers({ target }) {
  for (const menu of openMenus()) if (!menu.contains(target)) menu.open = false;
}

export function start() {
  document.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    for (const menu of openMenus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  // Before others act on the click and take what was clicked out of its menu.
  document.addEventListener("click", closeOthers, { capture: true });
  // It would cover what has the focus now.
  document.addEventListener("focusin", closeOthers);
}
