//! HTML that is written step by step, where a template cannot say it: elements that open and close in the order in which
//! a parser finds them.

use std::fmt::Write;

use maud::{Escaper, Markup, PreEscaped};

/// Writes HTML. Elements come from the program's own text, all else is escaped.
#[derive(Default)]
pub struct HtmlWriter(String);

impl HtmlWriter {
    pub fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// Appends tags as they stand; no text that is only known at run time fits in here.
    pub fn tags(&mut self, tags: &'static str) {
        self.0.push_str(tags);
    }

    /// Appends a text, escaped so that it may also stand in an attribute's quotes.
    pub fn text(&mut self, text: &str) {
        // Writing to a String does not fail.
        write!(Escaper::new(&mut self.0), "{text}").ok();
    }

    /// Appends what a template has made.
    pub fn markup(&mut self, markup: &Markup) {
        self.0.push_str(&markup.0);
    }

    /// Drops the lines' ends at the end.
    pub fn trim_line_ends(&mut self) {
        self.0.truncate(self.0.trim_end_matches('\n').len());
    }

    /// Puts tags before and after everything so far, if there is something.
    pub fn wrap(&mut self, before: &'static str, after: &'static str) {
        if !self.0.is_empty() {
            self.0.insert_str(0, before);
            self.0.push_str(after);
        }
    }

    pub fn finish(self) -> Markup {
        PreEscaped(self.0)
    }
}
