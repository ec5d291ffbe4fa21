//! The page about what there is for programs.

use maud::{Markup, html};
use serde_json::Value;

use super::document::{Document, operations};
use crate::web::components::chip;
use crate::web::{Ctx, Viewer, assets, layout};

const CODE: &str = "overflow-x-auto rounded-field border border-line bg-s2 px-3 py-2.5 font-mono text-13 text-t1";

/// Everything that stands in the document: by subject, each operation with a form to try it.
pub fn docs(ctx: &Ctx, viewer: Option<&Viewer>, document: &Document) -> Markup {
    let content = &document.content;
    let tags = content["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sheet = html! {
        script src=(assets::url("api.js")) defer {}
        @for paragraph in text(&content["info"]["description"]).split("\n\n").skip(1) { p { (marked(paragraph)) } }
        p class="mt-3.5" { a href="/api/openapi.json" { "The same for programs" } " is OpenAPI 3.1." }
        p #needs-script class="mt-3.5" { "To try things out here, JavaScript has to be on." }
        div #token-field class="field mt-6" hidden {
            label for="token" { "Access token, to try things out" }
            input.input #token autocomplete="off" spellcheck="false" aria-describedby="token-hint";
            p.hint #token-hint { "From POST /api/token/. It is kept nowhere, and what you send here really happens." }
        }
        @for tag in tags {
            h2 { (text(&tag["name"])) }
            p class="mb-4" { (marked(text(&tag["description"]))) }
            @for (path, method, operation) in operations(content) {
                // Groups are rooms under another name: what is said of rooms holds for them.
                @if operation["tags"][0] == tag["name"] && !path.starts_with("/api/groups/") {
                    (one(content, path, method, operation))
                }
            }
        }
    };
    let lead = text(&content["info"]["description"])
        .split("\n\n")
        .next()
        .unwrap_or_default();
    layout::public(
        ctx,
        viewer,
        "For programs",
        layout::prose("For programs", &lead.replace('`', ""), sheet),
    )
}

fn one(document: &Value, path: &str, method: &str, operation: &Value) -> Markup {
    let id = text(&operation["operationId"]);
    let needs_token = operation["security"].is_array();
    html! {
        details class="mb-2 rounded-card border border-line bg-s1" id=(id) {
            summary class="flex min-h-11 cursor-pointer flex-wrap items-center gap-x-3 gap-y-1 rounded-card px-4 py-2 text-t1" {
                span class="min-w-14 font-mono text-13 font-650 text-accent" { (method.to_uppercase()) }
                span class="font-mono text-13 wrap-anywhere" { (path) }
                @if !needs_token { (chip("", "no token")) }
            }
            div class="grid gap-4 border-t border-line px-4 pt-3 pb-4 text-15" {
                p { (marked(text(&operation["summary"]))) }
                @if let Some(more) = operation["description"].as_str() { p { (marked(more)) } }
                (parameters(operation))
                (fields(document, operation))
                (answers(document, operation))
                // Files are for real programs to send.
                @if operation["requestBody"]["content"]["multipart/form-data"].is_null() {
                    (form(document, path, method, operation))
                }
            }
        }
    }
}

/// What stands in its address.
fn parameters(operation: &Value) -> Markup {
    let mut described = in_address(operation).peekable();
    html! {
        @if described.peek().is_some() {
            (list("Address", described.map(|parameter| {
                let said = html! { (marked(text(&parameter["description"]))) (bounds(&parameter["schema"])) };
                (text(&parameter["name"]), parameter["required"] != true, said)
            })))
        }
    }
}

/// The parameters of its own: a header that goes with every operation is told above all of them.
fn in_address(operation: &Value) -> impl Iterator<Item = &Value> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.filter(|parameter| parameter["$ref"].is_null())
}

/// What its body consists of.
fn fields(document: &Value, operation: &Value) -> Markup {
    let schema = resolve(document, body(operation));
    html! {
        @if let Some(fields) = schema["properties"].as_object() {
            (list("Body", fields.iter().map(|(name, field)| {
                let said = marked(text(&resolve(document, field)["description"]));
                (name.as_str(), !is_required(schema, name), said)
            })))
        }
    }
}

/// What it is answered with, by status.
fn answers(document: &Value, operation: &Value) -> Markup {
    let found = operation["responses"].as_object().into_iter().flatten();
    list(
        "Answers",
        found.map(|(status, response)| {
            let said = marked(text(&resolve(document, response)["description"]));
            (status.as_str(), false, said)
        }),
    )
}

/// Names, whether they may be left out, and what is said of each.
fn list<'a>(title: &str, entries: impl Iterator<Item = (&'a str, bool, Markup)>) -> Markup {
    html! {
        div {
            h3 class="mb-1 text-12 font-600 text-t3" { (title) }
            dl class="grid gap-1 text-14" {
                @for (name, is_optional, said) in entries {
                    div class="grid grid-cols-[11rem_1fr] gap-x-3 max-md:grid-cols-1" {
                        dt class="font-mono text-13 text-t1" { (name) }
                        dd { @if is_optional { span class="text-t3" { "Optional. " } } (said) }
                    }
                }
            }
        }
    }
}

/// A form that sends it. It is hidden without script.
fn form(document: &Value, path: &str, method: &str, operation: &Value) -> Markup {
    let id = text(&operation["operationId"]);
    let example = body(operation).is_object().then(|| example(document, body(operation)));
    html! {
        form class="grid min-w-0 gap-3.5" data-method=(method) data-path=(path) aria-label={ "Try " (method.to_uppercase()) " " (path) } hidden {
            @for parameter in in_address(operation) {
                @let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
                div.field {
                    label for={ (id) "-" (name) } {
                        (name) @if place == "query" { " " span.optional { "(optional)" } }
                    }
                    input.input id={ (id) "-" (name) } name=(name) data-in=(place) required[place == "path"]
                        autocomplete="off" spellcheck="false";
                }
            }
            @if let Some(example) = example {
                div.field {
                    label for={ (id) "-body" } { "Body" }
                    textarea class="input font-mono" id={ (id) "-body" } name="body" rows=(example.lines().count() + 1)
                        spellcheck="false" { "\n" (example) }
                }
            }
            div { button.button.primary type="submit" { "Send" } }
            output class="font-600 text-t1" {}
            pre class=(CODE) tabindex="0" aria-label="Answer" hidden {}
        }
    }
}

fn bounds(schema: &Value) -> Markup {
    html! {
        @match (&schema["minimum"], &schema["maximum"]) {
            (Value::Null, _) => {}
            (least, Value::Null) => { " " (least) " or more." }
            (least, most) => { " " (least) " to " (most) "." }
        }
    }
}

/// A body of that form, with what must stand in it and what has an example.
fn example(document: &Value, schema: &Value) -> String {
    let schema = resolve(document, schema);
    let fields = schema["properties"].as_object().into_iter().flatten();
    let chosen = fields.filter(|(name, field)| !field["example"].is_null() || is_required(schema, name));
    let body = chosen.map(|(name, field)| {
        let value = match (&field["example"], text(&field["type"])) {
            (Value::Null, _) if field["enum"].is_array() => field["enum"][0].clone(),
            (Value::Null, "integer") => field["minimum"].clone(),
            (Value::Null, _) => "".into(),
            (example, _) => example.clone(),
        };
        (name.clone(), value)
    });
    serde_json::to_string_pretty(&body.collect::<Value>()).unwrap_or_default()
}

/// The form of its body; null where it has none.
fn body(operation: &Value) -> &Value {
    let mut kinds = operation["requestBody"]["content"].as_object().into_iter().flatten();
    kinds.next().map_or(&Value::Null, |(_, kind)| &kind["schema"])
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"]
        .as_array()
        .is_some_and(|names| names.iter().any(|required| required == name))
}

/// What stands where the document points to, or what stands there itself.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|pointer| pointer.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Text of the document, in which code stands between backticks.
fn marked(text: &str) -> Markup {
    html! {
        @for (number, part) in text.split('`').enumerate() {
            @if number % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
