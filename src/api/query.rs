//! The queries of addresses: which page of a list.

use std::collections::BTreeMap;

use poem::{FromRequest, Request, RequestBody};
use uuid::Uuid;

use crate::error::FieldErrors;
use crate::{Error, Result};

/// Entries on one page at most.
pub const MOST: i64 = 100;
/// Entries on one page unless told otherwise.
pub const USUAL: i64 = 50;

/// What stands in the query of an address, each name once.
#[derive(Debug)]
pub struct Query(BTreeMap<String, String>);

impl<'a> FromRequest<'a> for Query {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let pairs = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        let mut found = BTreeMap::new();
        for (name, value) in pairs {
            if found.insert(name.to_string(), value.to_string()).is_some() {
                return Err(wrong(&name, "Give this once.").into());
            }
        }
        Ok(Self(found))
    }
}

impl Query {
    /// Refuses what is not among these names.
    pub fn only(self, names: &[&str]) -> Result<Self> {
        match self.0.keys().find(|name| !names.contains(&name.as_str())) {
            Some(name) => Err(wrong(name, format!("Unknown here. Known are: {}.", names.join(", ")))),
            None => Ok(self),
        }
    }

    /// What is given under that name; empty when nothing is.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The number that is given under that name, which has to be one of `least..=most`.
    pub fn number(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        let sentence = if most == i64::MAX {
            format!("Give a number, {least} or more.")
        } else {
            format!("Give a number from {least} to {most}.")
        };
        number.map(Some).ok_or_else(|| wrong(name, sentence))
    }

    /// Where the page begins, for lists that go by id.
    pub fn cursor(&self) -> Result<Uuid> {
        let Some(text) = self.0.get("cursor") else {
            return Ok(Uuid::nil());
        };
        Uuid::parse_str(text).map_err(|_| wrong("cursor", "Give the one that stands in the Link of the last page."))
    }

    /// How many entries are asked for.
    pub fn limit(&self) -> Result<i64> {
        Ok(self.number("limit", 1, MOST)?.unwrap_or(USUAL))
    }
}

/// The entries of one page, and whether there are more. `found` holds one more than `limit` if there is one.
pub fn cut<T>(mut found: Vec<T>, limit: i64) -> (Vec<T>, bool) {
    let limit = usize::try_from(limit).unwrap_or_default();
    let has_more = found.len() > limit;
    found.truncate(limit);
    (found, has_more)
}

fn wrong(name: &str, sentence: impl Into<String>) -> Error {
    Error::Invalid(FieldErrors::one(name.to_owned(), sentence))
}
