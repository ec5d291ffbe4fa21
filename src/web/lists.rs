//! Lists in pages, each by the key of its last row.

use maud::{Markup, html};

use super::words::number;

/// Rows of a list on one page.
const PAGE_ROWS: usize = 50;

/// The rows of one page, and the last of them when there are more. `rows` holds one more than a page if there is one.
pub fn page_of<T>(mut rows: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    let has_more = rows.len() > PAGE_ROWS;
    rows.truncate(PAGE_ROWS);
    let after = rows.last().filter(|_| has_more).map(key);
    (rows, after)
}

/// How many rows to ask for: a page, and one to know whether there are more.
pub fn limit() -> i64 {
    i64::try_from(PAGE_ROWS + 1).unwrap_or(i64::MAX)
}

/// The line over a list: what it is, how many there are, and what chooses among them.
pub fn list_head(id: &str, title: &str, total: i64, filter: &Markup) -> Markup {
    html! {
        div class="mb-3 flex min-h-9.5 items-center gap-2.5 @max-[640px]:flex-wrap" {
            h2 id=(id) tabindex="-1" { (title) }
            span class="text-t3 tabular-nums" { (number(total)) }
            (filter)
        }
    }
}

/// The way to the next page of a list, if there is one.
pub fn show_more(path: &str, pairs: &[(&str, &str)], after: Option<&str>) -> Markup {
    html! {
        @if let Some(after) = after {
            p class="mt-4 text-center" {
                a.button.secondary href={ (path) "?" (query(&[pairs, &[("after", after)]].concat())) } { "Show more" }
            }
        }
    }
}

/// The query of an address; what is empty is left out.
fn query(pairs: &[(&str, &str)]) -> String {
    let given: Vec<_> = pairs.iter().filter(|(_, value)| !value.is_empty()).collect();
    serde_urlencoded::to_string(given).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_page_leads_to_the_next() {
        let key = |n: &usize| n.to_string();
        assert_eq!(page_of((0..PAGE_ROWS).collect(), key).1, None);
        let (rows, after) = page_of((0..=PAGE_ROWS).collect(), key);
        assert_eq!((rows.len(), after), (PAGE_ROWS, Some((PAGE_ROWS - 1).to_string())));
    }
}
