// Menus and popovers are a `<details>` around a `.menu`: they open without this script. Here Esc and a click elsewhere
// close them, only one is open at a time, and the focus returns to where it came from.

const MENUS = "details:has(> .menu)";
const open = () => document.querySelectorAll(`${MENUS}[open]`);

function close(menu, focus) {
  menu.open = false;
  if (focus) menu.querySelector("summary")?.focus();
}

export function start() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) close(menu, true);
  });
  document.addEventListener("click", ({ target }) => {
    for (const menu of open()) if (!menu.contains(target)) close(menu, false);
  });
  // `toggle` does not bubble.
  document.addEventListener("toggle", ({ target }) => {
    if (!target.matches?.(MENUS) || !target.open) return;
    for (const menu of open()) if (menu !== target && !menu.contains(target)) close(menu, false);
  }, { capture: true });
  // Tabbed out of it: it would cover what has the focus now.
  document.addEventListener("focusin", ({ target }) => {
    for (const menu of open()) if (!menu.contains(target)) close(menu, false);
  });
}
