// The composer stays above the keyboard of a phone. `interactive-widget=resizes-content` does it where it is known;
// elsewhere the visible height goes into `--viewport`, which the shell uses instead of `100dvh`.

/** Less than this is a browser's bar, not a keyboard. */
const KEYBOARD_PX = 120;

export function start() {
  const view = window.visualViewport;
  if (!view) return;
  const root = document.documentElement;
  const fit = () => {
    // Pinched in, the visible part is small because the reader wants it so.
    const covered = view.scale === 1 && window.innerHeight - view.height > KEYBOARD_PX;
    if (covered) {
      root.style.setProperty("--viewport", `${view.height}px`);
      window.scrollTo(0, 0);
    } else {
      root.style.removeProperty("--viewport");
    }
  };
  view.addEventListener("resize", fit);
}
