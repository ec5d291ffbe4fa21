//! What was typed into a form that is refused: the answer shows it again, so that nobody has to type it twice.
//!
//! Only forms of our own pages are kept (`csrf::check_origin`). What another site makes a browser send must not come
//! back on a page of ours, where one click would send it with a valid token.

use std::fmt;

use maud::{Markup, html};
use poem::Request;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;
use uuid::Uuid;

use super::normalise::is_local;

/// The field of the log-in in which a refused form goes along; see [`TypedForm::to_field`].
const AGAIN: &str = "again";

/// Where a form was sent, and its fields: neither the token nor passwords.
#[derive(Clone, Serialize, Deserialize)]
pub struct TypedForm {
    action: String,
    fields: Vec<(String, String)>,
}

impl fmt::Debug for TypedForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedForm").finish_non_exhaustive()
    }
}

impl TypedForm {
    /// The form that this request sends.
    pub fn sent(request: &Request, body: &[u8]) -> Option<Self> {
        let is_form = request
            .content_type()
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let action = request.uri().path_and_query()?.as_str();
        if !is_form || !is_local(action) {
            return None;
        }
        let fields = form_urlencoded::parse(body)
            .filter(|(name, _)| name != "csrf_token" && !name.contains("password"))
            .map(|(name, value)| (name.into_owned(), value.into_owned()));
        Some(Self {
            action: action.to_owned(),
            fields: fields.collect(),
        })
    }

    /// The same, if something was typed into it.
    pub(super) fn of(request: &Request, body: &[u8]) -> Option<Self> {
        let form = Self::sent(request, body)?;
        // After a log-in the browser sends what it sent there.
        let form = match Self::from_field(form.value(AGAIN)) {
            Some(again) if again.action == form.action => again,
            _ => form,
        };
        let is_typed = form.shown().next().is_some();
        is_typed.then_some(form)
    }

    /// The form in the field of a log-in.
    pub fn from_field(value: &str) -> Option<Self> {
        let form: Self = serde_json::from_str(value).ok()?;
        is_local(&form.action).then_some(form)
    }

    /// The whole form as the value of one field: JSON, which does not grow when it is encoded once more.
    pub fn to_field(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Where it was sent: a path of this site.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// What stands in that field; empty without it.
    pub fn value(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value)
    }

    /// Everything that stands in fields of that name.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.fields.iter().filter(move |(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What there is to see of it: no ids, which pages make.
    fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        fields.filter(|(name, value)| *name != AGAIN && !value.is_empty() && Uuid::parse_str(value).is_err())
    }
}

/// The fields for a form that sends it again.
pub fn fields_again(form: &TypedForm) -> Markup {
    html! { @for (name, value) in &form.fields { input type="hidden" name=(name) value=(value); } }
}

/// What was typed, to be read and copied.
pub fn typed_text(form: &TypedForm) -> Markup {
    let is_one = form.shown().count() == 1;
    html! {
        div class="max-h-80 w-full overflow-y-auto rounded-image border border-line bg-s2 px-4 py-3.5 text-start text-t1"
            tabindex="0" role="region" aria-label="What you typed"
        {
            dl class="grid gap-3" {
                @for (name, value) in form.shown() {
                    div {
                        dt class=(if is_one { "visually-hidden" } else { "text-13 text-t2" }) { (label(name)) }
                        dd class="whitespace-pre-wrap wrap-anywhere" dir="auto" { (value) }
                    }
                }
            }
        }
    }
}

/// A field's name in words.
fn label(name: &str) -> String {
    let mut letters = name.chars().map(|c| if c == '_' { ' ' } else { c });
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.into_iter().chain(letters.map(String::from)).collect()
}
