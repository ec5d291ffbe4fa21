//! The administrator's pages: one file per resource.

pub(super) mod overview;
pub(super) mod reset_links;
pub(super) mod roles;
pub(super) mod rooms;
pub(super) mod users;

/// Rows of a list on one page.
const PAGE_ROWS: usize = 50;

/// The rows of one page, and the last of them when there are more. `rows` holds one more than a page if there is one.
fn page_of<T>(mut rows: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    let has_more = rows.len() > PAGE_ROWS;
    rows.truncate(PAGE_ROWS);
    let after = rows.last().filter(|_| has_more).map(key);
    (rows, after)
}

/// How many rows to ask for: a page, and one to know whether there are more.
fn limit() -> i64 {
    i64::try_from(PAGE_ROWS + 1).unwrap_or(i64::MAX)
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
