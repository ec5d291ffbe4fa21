/** Where class names stand: only the files that draw markup, so that a word in other code never becomes a rule. */
export default {
  content: ["./src/**/views.rs", "./src/**/views/**/*.rs", "./src/web/*.rs"],
};
