// The design's tokens as utilities: `bg-s2`, `text-t3`, `text-13`, `font-550`, `rounded-card`, `shadow-2`, `duration-fast`.
// What a theme may change are the variables of assets/css/tokens.css; the scales that no theme changes stand here alone.

const variables = (...names) => Object.fromEntries(names.map((name) => [name, `var(--${name})`]));

const colors = {
  transparent: "transparent",
  current: "currentColor",
  inherit: "inherit",
  ...variables(
    ...["sky", "sky-2", "s1", "s2", "s3", "sheet", "veil", "field", "popover", "line", "line-2", "t1", "t2", "t3"],
    ...["accent", "accent-solid", "accent-solid-hover", "on-solid", "ok", "dot", "warn", "bad", "bad-solid", "bad-solid-hover"],
    ...["bubble", "bubble-text", "bubble-meta", "hover", "soft", "selected", "ok-soft", "warn-soft", "bad-soft", "scrim"],
  ),
  // A person's name where they are quoted; the hue comes from a class `hue-…`.
  quote: "oklch(var(--quote) var(--hue, 284))",
};

/** Size and line height; a number is the size in pixels of a browser that is not zoomed. */
const fontSize = {
  11: ["0.6875rem", "1rem"],
  12: ["0.75rem", "1rem"],
  13: ["0.8125rem", "1.25rem"],
  14: ["0.875rem", "1.25rem"],
  15: ["0.9375rem", "1.4375rem"],
  16: ["1rem", "1.3125rem"],
  17: ["1.0625rem", "1.3125rem"],
  18: ["1.125rem", "1.8125rem"],
  19: ["1.1875rem", { lineHeight: "1.5rem", letterSpacing: "-0.01em" }],
  24: ["1.5rem", "1.9375rem"],
  28: ["1.75rem", "2.25rem"],
  34: ["2.125rem", "2.625rem"],
  42: ["2.625rem", "2.875rem"],
  60: ["3.75rem", "4.125rem"],
};

export default {
  // Only the files that draw markup, so that a word in other code never becomes a rule.
  content: ["./src/**/views.rs", "./src/**/views/**/*.rs", "./src/web/*.rs"],
  theme: {
    // Below `md` is a phone, one column; from `lg` on there is room for everything.
    screens: { md: "768px", lg: "1200px" },
    colors,
    fontFamily: variables("sans", "mono"),
    fontSize,
    fontWeight: { 400: "400", 500: "500", 550: "550", 600: "600", 620: "620", 650: "650", 680: "680" },
    letterSpacing: { tight: "-0.006em", title: "-0.018em", page: "-0.026em", hero: "-0.034em" },
    borderRadius: {
      none: "0",
      full: "9999px",
      chip: "6px",
      row: "9px",
      button: "10px",
      field: "11px",
      tile: "12px",
      image: "14px",
      card: "16px",
      bubble: "18px",
      dialog: "20px",
    },
    boxShadow: { none: "none", 1: "var(--shadow-1)", 2: "var(--shadow-2)", 3: "var(--shadow-3)" },
    backgroundImage: {
      none: "none",
      ground: "linear-gradient(var(--sky), var(--sky-2))",
      title: "linear-gradient(var(--title-from) 25%, var(--title-to))",
      // Under the text of a page that has no sheet, so that none stands on bare stars.
      "hero-veil": "radial-gradient(closest-side, var(--hero-veil) 45%, transparent)",
      "text-veil": "linear-gradient(transparent, var(--text-veil) 72px calc(100% - 72px), transparent)",
    },
    transitionProperty: { none: "none", colors: "color, background-color, border-color", ring: "border-color, box-shadow" },
    transitionDuration: { fast: "120ms", medium: "180ms", slow: "240ms" },
    transitionTimingFunction: variables("ease"),
    // Beside the default steps of 4 px: what a phone's own bars cover.
    extend: {
      spacing: Object.fromEntries(["top", "right", "bottom", "left"].map((side) => [`safe-${side}`, `env(safe-area-inset-${side})`])),
    },
    keyframes: { typing: { "0%, 60%, 100%": { translate: "none" }, "30%": { translate: "0 -4px" } } },
    animation: { rise: "rise 180ms var(--ease)", typing: "typing 1.2s ease-in-out infinite", spin: "spin 800ms linear infinite" },
  },
};
