// The composer stays above the keyboard of a phone. `interactive-widget=resizes-content` does it where it is known;
// elsewhere the visible height goes into `--viewport`, which the shell uses instead of `100dvh`.

/** Less than this is a browser's bar, not a keyboard. */
const KEYBOARD_PX = 120;

const view = window.visualViewport;

/** Whether a keyboard covers the lower part of the page. Pinched in, what is visible is small because the reader wants it so. */
export const isCovered = () => view?.scale === 1 && window.innerHeight - view.height > KEYBOARD_PX;

export function start() {
  if (!view) return;
  const root = document.documentElement;
  const fit = () => {
    if (isCovered()) {
      root.style.setProperty("--viewport", `${view.height}px`);
      window.scrollTo(0, 0);
    } else {
      root.style.removeProperty("--viewport");
    }
  };
  view.addEventListener("resize", fit);
}
