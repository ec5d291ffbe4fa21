//! Tables in Markdown.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

/// A table that grows by rows.
pub struct Table {
    title: &'static str,
    head: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(title: &'static str, head: &'static [&'static str]) -> Self {
        Self {
            title,
            head,
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn add(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// Adds a row, and shows it at once on standard error.
    pub fn tell(&mut self, row: Vec<String>) {
        show(self.head, &row);
        self.add(row);
    }

    /// The whole table; nothing when it has no row.
    pub fn to_markdown(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let mut text = format!("### {}\n\n| {} |\n", self.title, self.head.join(" | "));
        let _ = writeln!(text, "|{}", "---|".repeat(self.head.len()));
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        text
    }
}

/// Shows a row on standard error.
pub fn show(head: &[&str], row: &[String]) {
    let shown: Vec<_> = head
        .iter()
        .zip(row)
        .map(|(head, cell)| format!("{head} {cell}"))
        .collect();
    let _ = writeln!(std::io::stderr(), "  {}", shown.join(" · "));
}

/// A number with as many digits as tell something.
pub fn number(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// How many times as much.
pub fn ratio(value: f64, reference: Option<f64>) -> String {
    reference
        .filter(|reference| *reference > 0.0)
        .map_or_else(|| "–".into(), |reference| format!("{}×", number(value / reference)))
}

/// Milliseconds.
pub fn milliseconds(time: Option<Duration>) -> String {
    time.map_or_else(|| "–".into(), |time| number(time.as_secs_f64() * 1e3))
}
