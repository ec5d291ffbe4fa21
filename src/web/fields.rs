//! The lines of a form: text, password, checkbox. Labels, hints and errors are tied to the field for screen readers.

use maud::{Markup, html};

use super::icons::icon;

/// One line of a form. `..Field::default()` fills what is not said.
#[derive(Debug, Clone, Copy, Default)]
pub struct Field<'a> {
    /// The words above the field.
    pub label: &'a str,
    /// The form field's name; the element's id is `field-<scope><name>`.
    pub name: &'a str,
    /// Tells the ids of two forms on one page apart.
    pub scope: &'a str,
    /// What was typed before.
    pub value: &'a str,
    /// The input's type; empty means `text`.
    pub kind: &'a str,
    /// Marks the label with "optional" (required is not marked).
    pub optional: bool,
    /// A sentence below the field; an error takes its place.
    pub hint: Option<&'a str>,
    /// What is wrong and what to do.
    pub error: Option<&'a str>,
    /// The autofill token, such as `username`.
    pub autocomplete: Option<&'a str>,
    /// An example inside the empty field, never the label.
    pub placeholder: Option<&'a str>,
    /// An icon in front of the text.
    pub icon: Option<&'a str>,
    /// How many characters the browser lets one type.
    pub max_length: Option<u16>,
    /// Whether it gets the focus: the first wrong field, or the first one of a fresh page.
    pub autofocus: bool,
}

impl Field<'_> {
    fn id(&self) -> String {
        format!("field-{}{}", self.scope, self.name)
    }

    /// What describes the field to a screen reader: the error, or else the hint.
    fn described_by(&self) -> Option<String> {
        match (self.error, self.hint) {
            (Some(_), _) => Some(format!("{}-error", self.id())),
            (None, Some(_)) => Some(format!("{}-hint", self.id())),
            (None, None) => None,
        }
    }

    fn label_markup(&self) -> Markup {
        html! {
            label for=(self.id()) { (self.label) @if self.optional { " " span.optional { "optional" } } }
        }
    }

    fn input_markup(&self) -> Markup {
        let kind = if self.kind.is_empty() { "text" } else { self.kind };
        let name_like = matches!(self.name, "username" | "login" | "email" | "code");
        html! {
            input.input id=(self.id()) name=(self.name) type=(kind) value=(self.value) required[!self.optional]
                maxlength=[self.max_length] autocomplete=[self.autocomplete] placeholder=[self.placeholder]
                autocapitalize=[name_like.then_some("none")] spellcheck=[name_like.then_some("false")]
                aria-invalid=[self.error.map(|_| "true")] aria-describedby=[self.described_by()]
                autofocus[self.autofocus];
        }
    }

    fn notes_markup(&self) -> Markup {
        html! {
            @if let Some(error) = self.error {
                (field_error(&self.id(), error))
            } @else if let Some(hint) = self.hint {
                p.hint id={ (self.id()) "-hint" } { (hint) }
            }
        }
    }
}

fn field_error(id: &str, sentence: &str) -> Markup {
    html! { p.field-error id={ (id) "-error" } { (icon("circle-alert")) span { (sentence) } } }
}

/// A labelled text field with its hint and its error, tied to it for screen readers.
pub fn field(field: Field<'_>) -> Markup {
    html! {
        div.field {
            (field.label_markup())
            div.input-group {
                @if let Some(name) = field.icon { (icon(name)) }
                (field.input_markup())
            }
            (field.notes_markup())
        }
    }
}

/// The same with several lines.
pub fn text_area(field: Field<'_>, rows: u8) -> Markup {
    html! {
        div.field {
            (field.label_markup())
            // A browser drops the line's end that the text begins with.
            textarea.input id=(field.id()) name=(field.name) rows=(rows) dir="auto" required[!field.optional]
                maxlength=[field.max_length] aria-invalid=[field.error.map(|_| "true")]
                aria-describedby=[field.described_by()] autofocus[field.autofocus] { "\n" (field.value) }
            (field.notes_markup())
        }
    }
}

/// A password field with a button that reveals it and, for a new password, three steps of strength. Both stay hidden
/// without the script. A password that was typed is never sent back.
pub fn password_field(field: Field<'_>, strength: bool) -> Markup {
    let field = Field {
        kind: "password",
        value: "",
        ..field
    };
    html! {
        div.field {
            (field.label_markup())
            div.input-group {
                (field.input_markup())
                button.icon-button.reveal type="button" hidden aria-controls=(field.id()) aria-label="Show the password"
                    aria-pressed="false" {
                    span.when-off { (icon("eye")) }
                    span.when-on { (icon("eye-off")) }
                }
            }
            @if strength {
                div.strength {
                    span.steps aria-hidden="true" { span.step {} span.step {} span.step {} }
                    p.hint aria-live="polite" {}
                }
            }
            (field.notes_markup())
        }
    }
}

/// A checkbox with its words (which may hold links) and its error.
pub fn checkbox(name: &str, checked: bool, required: bool, label: &Markup, error: Option<&str>) -> Markup {
    let id = format!("field-{name}");
    html! {
        div.checkbox {
            input id=(id) type="checkbox" name=(name) value="on" checked[checked] required[required]
                aria-invalid=[error.map(|_| "true")] aria-describedby=[error.map(|_| format!("{id}-error"))];
            label for=(id) { (label) }
            @if let Some(error) = error { (field_error(&id, error)) }
        }
    }
}
