//! The bodies of requests and answers.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{FromRequest, Request, RequestBody, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::error::FieldErrors;
use crate::{Error, Result};

/// About as many headers has an answer.
const HEADERS: usize = 16;

/// A body in JSON that has the form of `T`. What is wrong with it is told by the field, or by line and column.
pub struct Typed<T>(pub T);

impl<'a, T: DeserializeOwned> FromRequest<'a> for Typed<T> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let is_json = request.content_type().is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/json")
        });
        if !is_json {
            let sentence = "Send JSON, with the header Content-Type: application/json.";
            return Err(Error::UnsupportedType(sentence).into());
        }
        let bytes = body.take()?.into_bytes().await?;
        Ok(Self(parse(&bytes)?))
    }
}

/// JSON of the form of `T`. What is wrong with it is told as of a body.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // The library would take a list, too, with the fields in their order.
    let is_list = bytes.trim_ascii_start().starts_with(b"[");
    if let Ok(parsed) = serde_json::from_slice(bytes)
        && !is_list
    {
        return Ok(parsed);
    }
    // Once more, to find out where it is wrong.
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        explain(path, &error.into_inner())
    });
    let parsed = parsed.and_then(|parsed| {
        let ended = deserializer.end();
        ended.map_err(|error| explain(String::new(), &error)).map(|()| parsed)
    });
    if is_list && !matches!(parsed, Err(Error::Malformed(_))) {
        let sentence = "Send an object, with the fields by their names.";
        return Err(Error::Invalid(FieldErrors::one("body", sentence)));
    }
    parsed
}

/// What is wrong with a body, at that field.
fn explain(path: String, error: &serde_json::Error) -> Error {
    if error.classify() != Category::Data {
        return Error::Malformed(format!("The body is not JSON: {error}."));
    }
    let text = error.to_string();
    let sentence = text.split(" at line ").next().unwrap_or(&text);
    // The library says the name of a field that is unknown, missing or twice there, between these.
    let named = sentence.split('`').nth(1).filter(|_| sentence.contains("field `"));
    let field = match named {
        Some(name) => name.to_owned(),
        None if path == "." => "body".to_owned(),
        None => path,
    };
    Error::Invalid(FieldErrors::one(field, capitalised(sentence)))
}

/// A sentence of it.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// An answer in JSON.
pub fn answer(status: StatusCode, body: &impl Serialize) -> Result<Response> {
    // A usual message fits, so that it is written in one go.
    let mut json = Vec::with_capacity(1024);
    serde_json::to_writer(&mut json, body).map_err(Error::internal)?;
    let mut response = Response::builder().status(status).body(json);
    // With those that come with every answer.
    let headers = response.headers_mut();
    headers.reserve(HEADERS);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// One that says where the new thing stands.
pub fn created(location: &str, body: &impl Serialize) -> Result<Response> {
    let mut response = answer(StatusCode::CREATED, body)?;
    set(&mut response, header::LOCATION, location)?;
    Ok(response)
}

/// A page of a list, and the query of the next one, if there is one.
pub fn page(path: &str, next: Option<&str>, body: &impl Serialize) -> Result<Response> {
    let mut response = answer(StatusCode::OK, body)?;
    if let Some(query) = next {
        set(&mut response, header::LINK, &format!("<{path}?{query}>; rel=\"next\""))?;
    }
    Ok(response)
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) -> Result<()> {
    let value = value.parse().map_err(Error::internal)?;
    response.headers_mut().insert(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Sent {
        plaintext: String,
        seq: Option<i64>,
        names: Vec<String>,
    }

    fn wrong(body: &str) -> (String, String) {
        let Err(Error::Invalid(errors)) = parse::<Sent>(body.as_bytes()) else {
            unreachable!("{body} is refused");
        };
        let (field, sentence) = errors.iter().next().unwrap();
        (field.to_owned(), sentence.to_owned())
    }

    #[test]
    fn what_is_wrong_is_said_of_its_field() {
        let sent: Sent = parse(br#"{"plaintext": "a", "seq": null}"#).unwrap();
        assert_eq!((sent.plaintext.as_str(), sent.seq, sent.names.len()), ("a", None, 0));
        assert_eq!(wrong(r#"{"plaintext": 1}"#).0, "plaintext");
        assert_eq!(wrong(r#"{"names": ["a", 2]}"#).0, "names[1]");
        assert_eq!(wrong(r#"{"seq": "x"}"#).0, "seq");
        for list in [r#"["a", 1, []]"#, "[1]", "[]"] {
            let (field, sentence) = wrong(list);
            assert!(field == "body" && sentence.starts_with("Send an object"), "{sentence}");
        }
        assert_eq!(wrong("7").0, "body");
        let (field, sentence) = wrong(r#"{"plain": "a"}"#);
        assert_eq!(field, "plain");
        assert!(
            sentence.starts_with("Unknown field `plain`, expected one of "),
            "{sentence}"
        );
        assert_eq!(wrong(r#"{"seq": 1, "seq": 2}"#).0, "seq");
    }

    #[test]
    fn what_is_no_json_is_said_by_its_place() {
        for (body, place) in [
            ("", "line 1 column 0"),
            ("{", "line 1 column 1"),
            ("{}\n x", "line 2 column 2"),
            ("{\"plaintext\": \"a\",\n}", "line 2 column 1"),
        ] {
            let Err(Error::Malformed(sentence)) = parse::<Sent>(body.as_bytes()) else {
                unreachable!("{body} is refused");
            };
            assert!(sentence.contains(place), "{body}: {sentence}");
        }
    }
}
