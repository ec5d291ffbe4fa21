// Menus and popovers are a `<details>` around a `.menu`: they open without this script. With it Esc closes one and
// returns the focus, and a click or the focus anywhere else closes it too.

export function menu() {
  return {
    closing: {
      "x-on:keydown.escape.window"() {
        if (!this.$root.open) return;
        this.$root.open = false;
        this.$root.querySelector("summary").focus();
      },
      "x-on:click.outside"() {
        this.$root.open = false;
      },
      // It would cover what has the focus now.
      "x-on:focusin.outside"() {
        this.$root.open = false;
      },
    },
  };
}
