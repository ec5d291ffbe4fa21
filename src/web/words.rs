//! Numbers and times in words.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

/// A whole number with commas between the thousands.
pub fn number(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        out.push('−');
    }
    for (i, digit) in digits.char_indices() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// "1 member", "2 members".
pub fn counted(n: i64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// How long ago, in words; a date when it is more than a week.
pub fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> Markup {
    let minutes = (now - at).num_minutes();
    let words = match minutes {
        i64::MIN..1 => "now".to_owned(),
        1..60 => format!("{} ago", counted(minutes, "minute", "minutes")),
        60..1_440 => format!("{} ago", counted(minutes / 60, "hour", "hours")),
        1_440..2_880 => "yesterday".to_owned(),
        2_880..10_080 => format!("{} days ago", minutes / 1_440),
        _ => at.format("%-d %B %Y").to_string(),
    };
    html! { span title=(at.format("%Y-%m-%d %H:%M UTC")) { (words) } }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn numbers_have_commas() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(18_204), "18,204");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(counted(1, "member", "members"), "1 member");
    }

    #[test]
    fn times_are_told_in_words() {
        let now: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().unwrap();
        let told = |minutes| ago(now - TimeDelta::minutes(minutes), now).into_string();
        assert!(told(0).contains(">now<"));
        assert!(told(-5).contains(">now<"));
        assert!(told(1).contains(">1 minute ago<"));
        assert!(told(119).contains(">1 hour ago<"));
        assert!(told(1_500).contains(">yesterday<"));
        assert!(told(4_000).contains(">2 days ago<"));
        assert!(told(20_000).contains(">6 November 2026<"));
    }
}
