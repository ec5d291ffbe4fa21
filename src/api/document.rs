//! The description of everything that programs use (`OpenAPI` 3.1), made of what stands at the handlers. What is the same
//! for many operations is added here: errors, limits, and rooms under their second name.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use utoipa::OpenApi;

use crate::api::handlers::{docs, members, messages, rooms, tokens, uploads, users};
use crate::web::problem::Problem;

/// The name under which the document describes sealed bodies.
const SEALED: &str = "application/vnd.umbrachat.fernet";

const ABOUT: &str = "\
What people do on the pages of this server, programs do here: JSON in and out, with `Authorization: Bearer` and an access \
token. Cookies are not looked at.\n\n\
Every address counts with and without a slash at its end. Bodies have 64 KiB at most, but for files, and a field that is not known is \
refused with its name. Lists come in pages of at most 100; the `Link` header of a page leads to the next one. \
`Accept: application/json; envelope=data` wraps an answer as `{\"data\": …}`.\n\n\
A person is named by username; a room and a message by their ids. What is not open to somebody does not exist for them: 404.\n\n\
An account may ask 600 times a minute, and an address three times as often, unless this server is set up otherwise (`API_RATE`). \
The headers `RateLimit-Policy` and `RateLimit` say how much is allowed and how much is left. Whatever goes wrong is a problem \
in JSON (RFC 9457).\n\n\
Bodies can be sealed beside TLS: whoever has made a key on `/settings/api` names it in `Umbra-Key`, sends a Fernet token of \
`{\"iat\", \"method\", \"path\", \"body\"}` as `application/vnd.umbrachat.fernet`, and is answered by one of \
`{\"iat\", \"status\", \"body\"}` where `Accept` names that type. A token is good once, within 60 seconds.\n\n\
What happens in rooms is told live over a WebSocket at `/ws/rooms/`, in JSON, which `docs/socket.md` of the project describes.";

#[derive(OpenApi)]
#[openapi(
    paths(
        users::create, tokens::create, tokens::refresh, tokens::revoke,
        users::index, users::me, users::show,
        rooms::index, rooms::create, rooms::show, rooms::replace, rooms::update, rooms::destroy,
        messages::index, messages::create, messages::show, messages::update, messages::destroy, uploads::create,
        members::index, members::create, members::destroy, members::read,
        docs::show,
    ),
    components(schemas(Problem)),
    tags(
        (name = "Tokens", description = "How a program gets in and stays in."),
        (name = "People", description = "Those with whom one shares something, and whoever is looked for."),
        (name = "Rooms", description = "The rooms that one belongs to. `/api/groups/` are the private ones and groups among them."),
        (name = "Messages", description = "What is written in a room."),
        (name = "Members", description = "Who belongs to a room, and how far one has read there."),
        (name = "Document", description = "This description."),
    ),
)]
struct Described;

/// What may go wrong: status, when it does, and which headers tell more.
const PROBLEMS: [(u16, &str, &[&str]); 11] = [
    (
        400,
        "The request cannot be read: its body has not the form that it says, or it has two Authorization headers.",
        &[],
    ),
    (401, "The token is missing, not good, or over.", &["WWW-Authenticate"]),
    (
        403,
        "Only an administrator may do this, soon after giving the password.",
        &[],
    ),
    (404, "There is no such thing, or it is not open to this person.", &[]),
    (409, "It does not go with what stands there now.", &[]),
    (
        413,
        "The body is larger than 64 KiB, or a file than this server takes.",
        &[],
    ),
    (
        415,
        "The body is of another kind than this takes, or its Content-Type does not say so.",
        &[],
    ),
    (
        422,
        "A field is not right: `errors` says which one, and what would be.",
        &[],
    ),
    (429, "That was too often.", &["Retry-After"]),
    (
        500,
        "Something went wrong here. It stands in the server's log, with the id in `request`.",
        &[],
    ),
    (
        503,
        "The server cannot do this now, or is not set up yet.",
        &["Retry-After"],
    ),
];

/// Headers that answers carry: what they say, and whether it is a number.
const HEADERS: [(&str, &str, bool); 5] = [
    (
        "RateLimit-Policy",
        "How often one may ask: `q` times in `w` seconds.",
        false,
    ),
    (
        "RateLimit",
        "What is left: `r` requests; after `t` seconds all of them are there again.",
        false,
    ),
    ("Retry-After", "After how many seconds to try again.", true),
    (
        "WWW-Authenticate",
        "How to get in, and whether the token was the reason.",
        false,
    ),
    ("ETag", "Which version this is.", false),
];

/// The document, ready to be sent.
pub struct Document {
    /// What stands in it.
    pub content: Value,
    /// The same as text.
    pub text: String,
    /// Names this version of it.
    pub etag: String,
}

/// The document of this build.
pub static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let content = complete(serde_json::to_value(Described::openapi()).unwrap_or_default());
    let text = content.to_string();
    let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&text)[..12]));
    Document { content, text, etag }
});

/// Every operation of the document: path, method, and what is said of it.
pub fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let item = item.as_object().into_iter().flatten();
        item.map(|(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

fn complete(mut document: Value) -> Value {
    document["info"] = json!({
        "title": "UmbraChat",
        "version": env!("CARGO_PKG_VERSION"),
        "description": ABOUT,
        "license": {"name": "MIT", "identifier": "MIT"},
    });
    document["servers"] = json!([{"url": "/", "description": "This server."}]);
    document["components"]["securitySchemes"] = json!({"token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of `/api/token/`, good for ten minutes.",
    }});
    document["components"]["parameters"] = json!({"Umbra-Key": {
        "name": "Umbra-Key",
        "in": "header",
        "description": "The id of the key that seals the body, or the answer.",
        "schema": {"type": "string"},
    }});
    document["components"]["schemas"]["Sealed"] = json!({
        "type": "string",
        "description": "A Fernet token of JSON: of a request `iat`, `method`, `path` and `body`, of an answer `iat`, `status` and `body`.",
    });
    document["components"]["headers"] = HEADERS.iter().map(header).collect();
    document["components"]["responses"] = PROBLEMS.iter().map(response).collect();
    if let Some(paths) = document["paths"].as_object_mut() {
        let rooms: Vec<_> = paths
            .iter()
            .filter_map(|(path, item)| Some((format!("/api/groups{}", path.strip_prefix("/api/rooms")?), item.clone())))
            .collect();
        paths.extend(rooms);
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                complete_operation(path, method, operation);
            }
        }
    }
    document
}

fn header(&(name, description, is_number): &(&str, &str, bool)) -> (String, Value) {
    let kind = if is_number { "integer" } else { "string" };
    (
        name.to_owned(),
        json!({"description": description, "schema": {"type": kind}}),
    )
}

fn response(&(status, description, headers): &(u16, &str, &[&str])) -> (String, Value) {
    let headers = [headers, &["RateLimit-Policy", "RateLimit"]].concat();
    let mut response = json!({
        "description": description,
        "headers": headers.into_iter().map(reference).collect::<Map<_, _>>(),
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    or_sealed(&mut response);
    (status.to_string(), response)
}

fn reference(header: &str) -> (String, Value) {
    (
        header.to_owned(),
        json!({"$ref": format!("#/components/headers/{header}")}),
    )
}

/// Where a request or an answer has JSON, that may be sealed instead.
fn or_sealed(described: &mut Value) {
    if let Some(kinds) = described.pointer_mut("/content").and_then(Value::as_object_mut)
        && kinds.keys().any(|kind| kind.ends_with("json"))
    {
        kinds.insert(
            SEALED.into(),
            json!({"schema": {"$ref": "#/components/schemas/Sealed"}}),
        );
    }
}

/// Names an operation and adds what may go wrong with it.
fn complete_operation(path: &str, method: &str, operation: &mut Value) {
    let name: String = path
        .trim_start_matches("/api")
        .replace(['{', '}'], "")
        .replace(['/', '.'], "_");
    operation["operationId"] = format!("{method}{}", name.trim_end_matches('_')).into();

    let said = operation["summary"].as_str().unwrap_or_default().replace('\n', " ");
    let (first, rest) = said.split_once(". ").unwrap_or((said.trim_end_matches('.'), ""));
    operation["summary"] = format!("{first}.").into();
    if !rest.is_empty() {
        operation["description"] = rest.into();
    }

    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let has = |place: &str| parameters.iter().any(|parameter| parameter["in"] == place);
    let (has_body, has_token) = (operation["requestBody"].is_object(), operation["security"].is_array());
    let (is_change, tag) = (method != "get", operation["tags"][0].as_str().unwrap_or_default());
    let may_be_sealed = has_token && !crate::api::is_upload(path);
    let may_be = |status| match status {
        401 => has_token || path == "/api/token/refresh/",
        403 => is_change && tag == "Rooms",
        404 => has("path"),
        409 => is_change && ["Rooms", "Messages", "Members"].contains(&tag),
        413 | 415 => has_body,
        422 => has_body || has("query") || is_change && has_token,
        _ => true,
    };
    let possible: Vec<_> = PROBLEMS
        .iter()
        .map(|problem| problem.0)
        .filter(|status| may_be(*status))
        .collect();
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    for response in responses.values_mut() {
        if may_be_sealed {
            or_sealed(response);
        }
        if response["headers"].is_null() {
            response["headers"] = json!({});
        }
        if let Some(headers) = response["headers"].as_object_mut() {
            headers.extend(["RateLimit-Policy", "RateLimit"].map(reference));
        }
    }
    for status in possible {
        let response = json!({"$ref": format!("#/components/responses/{status}")});
        responses.insert(status.to_string(), response);
    }
    if may_be_sealed {
        if has_body {
            or_sealed(&mut operation["requestBody"]);
        }
        let key = json!({"$ref": "#/components/parameters/Umbra-Key"});
        operation["parameters"] = parameters.into_iter().chain([key]).collect();
    }
}
