//! The description of what programs use, and the page that shows it.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::Program;
use crate::services::{packages, system_python};
use crate::support::{PASSWORD, spawn};

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

#[sqlx::test]
async fn the_document_names_every_address_and_nothing_else(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let (stranger, alice) = (Program::stranger(&server), Program::of(&server, "alice").await);
    let document = stranger.get("/api/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    for (path, item) in paths {
        let address = path.replace("{username}", "nobody");
        let address = address.replace("{id}", &Uuid::nil().to_string());
        let address = address.replace("{message}", &Uuid::nil().to_string());
        for method in METHODS {
            let response = alice.send(method.clone(), &address, None).await;
            let (status, allow) = (response.status(), response.headers().get("allow").cloned());
            let text = response.text().await.unwrap();
            if item[method.as_str().to_lowercase()].is_null() {
                assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}: {text}");
                let allowed = item.as_object().unwrap().keys().map(|method| method.to_uppercase());
                let mut allow: Vec<_> = allow
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .split(", ")
                    .map(str::to_owned)
                    .collect();
                allow.retain(|method| method != "HEAD");
                assert_eq!(allow, allowed.collect::<Vec<_>>(), "{method} {path}");
                continue;
            }
            assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            // A room that does not exist is not found; but without a token that is not even looked at.
            let is_found = status != StatusCode::NOT_FOUND
                || stranger.send(method.clone(), &address, None).await.status() == StatusCode::UNAUTHORIZED;
            assert!(is_found, "{method} {path}: {text}");
        }
    }
    let documented: BTreeSet<String> = paths.keys().map(|path| path.trim_end_matches('/').to_owned()).collect();
    assert_eq!(documented, routes());
}

/// The addresses in the sources, as the document writes them.
fn routes() -> BTreeSet<String> {
    let source = include_str!("../../../src/api/mod.rs");
    let address = regex::Regex::new(r#""(/api/[a-z/.:]+|\{rooms\}[a-z/:]*)""#).unwrap();
    let parameter = regex::Regex::new(":([a-z]+)").unwrap();
    let found = address.captures_iter(source).map(|found| found[1].to_owned());
    found
        .filter(|path| path != "/api/docs")
        .flat_map(|path| ["/api/rooms", "/api/groups"].map(|rooms| path.replace("{rooms}", rooms)))
        .map(|path| parameter.replace_all(&path, "{$1}").into_owned())
        .collect()
}

#[sqlx::test]
async fn the_document_is_open_and_kept_until_it_changes(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let stranger = Program::stranger(&server);
    let response = stranger.send(Method::GET, "/api/openapi.json", None).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "public, no-cache");
    let etag = response.headers()["etag"].to_str().unwrap().to_owned();
    let document: Value = response.json().await.unwrap();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));

    let again = stranger.request(Method::GET, "/api/openapi.json");
    let again = again
        .header("If-None-Match", format!("\"other\", {etag}"))
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.headers()["etag"], *etag);
}

#[sqlx::test]
async fn every_operation_says_what_may_go_wrong(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let document = Program::stranger(&server).get("/api/openapi.json").await;
    let statuses = |path: &str, method: &str| -> Vec<String> {
        let responses = document["paths"][path][method]["responses"].as_object().unwrap();
        responses.keys().cloned().collect()
    };
    assert_eq!(
        statuses("/api/rooms/{id}/messages/", "post"),
        [
            "200", "201", "400", "401", "404", "409", "413", "415", "422", "429", "500", "503"
        ]
    );
    assert_eq!(
        statuses("/api/groups/{id}/messages/", "post"),
        statuses("/api/rooms/{id}/messages/", "post")
    );
    assert_eq!(
        statuses("/api/users/me/", "get"),
        ["200", "400", "401", "429", "500", "503"]
    );
    assert_eq!(
        statuses("/api/token/", "post"),
        ["200", "400", "413", "415", "422", "429", "500", "503"]
    );
    let headers = &document["components"]["responses"]["429"]["headers"];
    assert!(headers["Retry-After"].is_object() && headers["RateLimit"].is_object());
    let text = &document["components"]["schemas"]["NewMessage"]["properties"]["plaintext"];
    assert_eq!((&text["minLength"], &text["maxLength"]), (&1.into(), &4000.into()));
}

#[sqlx::test]
async fn the_document_says_what_is_required_and_which_words_there_are(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let stranger = Program::stranger(&server);
    let document = stranger.get("/api/openapi.json").await;
    let schemas = &document["components"]["schemas"];
    let registration = &schemas["Registration"];
    assert_eq!(registration["required"], json!(["username", "password", "consent"]));
    assert_eq!(registration["properties"]["consent"]["enum"], json!([true]));
    let roles = json!(["member", "moderator", "owner"]);
    for (described, words) in [
        (
            &schemas["Room"]["properties"]["kind"],
            &json!(["public", "private", "group", "direct"]),
        ),
        (&schemas["Room"]["properties"]["role"], &roles),
        (&schemas["Member"]["allOf"][1]["properties"]["role"], &roles),
        (
            &schemas["Admission"]["properties"]["status"],
            &json!(["member", "invited"]),
        ),
    ] {
        assert_eq!((&described["type"], &described["enum"]), (&json!("string"), words));
        assert!(described["description"].is_string(), "{described}");
    }
    // What is missing or false is told by its name.
    for more in [json!({}), json!({"consent": false})] {
        let mut sent = json!({"username": "dora", "password": PASSWORD});
        sent.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let problem = stranger.problem(Method::POST, "/api/register/", Some(sent), 422).await;
        assert!(problem["errors"]["consent"].is_array(), "{problem}");
    }
}

#[sqlx::test]
async fn bodies_of_those_who_have_a_token_may_be_sealed(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let document = Program::stranger(&server).get("/api/openapi.json").await;
    let kinds = |described: &Value| -> Vec<String> {
        let kinds = described["content"].as_object().unwrap();
        kinds.keys().cloned().collect()
    };
    let both = ["application/json", "application/vnd.umbrachat.fernet"];
    let send = &document["paths"]["/api/rooms/{id}/messages/"]["post"];
    assert_eq!(kinds(&send["requestBody"]), both);
    assert_eq!(kinds(&send["responses"]["201"]), both);
    let named = send["parameters"].as_array().unwrap().last().unwrap();
    assert_eq!(named["$ref"], "#/components/parameters/Umbra-Key");
    // There is no key yet, and files are not sealed.
    assert_eq!(
        kinds(&document["paths"]["/api/token/"]["post"]["requestBody"]),
        both[..1]
    );
    let upload = &document["paths"]["/api/rooms/{id}/upload/"]["post"];
    assert_eq!(kinds(&upload["requestBody"]), ["multipart/form-data"]);
    assert_eq!(kinds(&upload["responses"]["201"]), both[..1]);
}

#[sqlx::test]
async fn the_document_is_valid_openapi_3_1(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let document = Program::stranger(&server).get("/api/openapi.json").await;
    let program = "import json, sys\n\
        from openapi_spec_validator import OpenAPIV31SpecValidator\n\
        found = list(OpenAPIV31SpecValidator(json.loads(sys.argv[1])).iter_errors())\n\
        sys.exit('\\n'.join(f'{list(error.path)}: {error.message}' for error in found) or None)";
    let checked = system_python()
        .env("PYTHONPATH", packages("schemathesis"))
        .args(["-c", program, &document.to_string()])
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
