// The theme that was chosen in the shell: set at once, so that the page need not be loaded again.

export function start() {
  document.addEventListener("theme", ({ detail }) => {
    const root = document.documentElement;
    root.dataset.theme = detail.value;
    const colour = getComputedStyle(root).getPropertyValue("--sky").trim();
    for (const meta of document.querySelectorAll("meta[name=theme-color]")) meta.content = colour;
  });
}
