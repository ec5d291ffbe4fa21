//! What programs use: the JSON API.

mod encrypted;
mod document;
mod limits;
mod messages;
mod origins;
mod outages;
mod room_changes;
mod rooms;
mod socket;
mod schemathesis;
mod strangers;
mod tokens;
mod tour;
mod uploads;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{PASSWORD, Server};

/// A program, logged in or not.
pub struct Program {
    pub base: String,
    pub access: Option<String>,
    pub refresh: String,
    client: reqwest::Client,
}

impl Program {
    /// One that has no token.
    pub fn stranger(server: &Server) -> Self {
        Self {
            base: server.address.clone(),
            access: None,
            refresh: String::new(),
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
        }
    }

    /// One of that person, who has an account.
    pub async fn of(server: &Server, username: &str) -> Self {
        let mut program = Self::stranger(server);
        program.log_in(username).await;
        program
    }

    /// Logs in as that person.
    pub async fn log_in(&mut self, username: &str) {
        let sent = json!({"username": username, "password": PASSWORD});
        let tokens = self.ok(Method::POST, "/api/token/", Some(sent)).await;
        self.take(&tokens);
    }

    /// Goes on with these tokens.
    pub fn take(&mut self, tokens: &Value) {
        self.access = Some(tokens["access"].as_str().unwrap().to_owned());
        tokens["refresh"].as_str().unwrap().clone_into(&mut self.refresh);
    }

    /// The same program at another node.
    pub fn at(&self, server: &Server) -> Self {
        Self {
            base: server.address.clone(),
            access: self.access.clone(),
            refresh: self.refresh.clone(),
            client: self.client.clone(),
        }
    }

    /// A request with its token, not sent yet.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.access {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends JSON, or nothing.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ok(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.ok(Method::POST, path, Some(body)).await
    }

    /// What a request is answered with that succeeds; null where nothing is said.
    pub async fn ok(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let response = self.send(method.clone(), path, body).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap()
        }
    }

    /// The problem that a request is answered with, whose status is that one.
    pub async fn problem(&self, method: Method, path: &str, body: Option<Value>, status: u16) -> Value {
        problem(self.send(method, path, body).await, status).await
    }

    /// Makes a private room of that name; its id.
    pub async fn make_room(&self, name: &str, invited: &[&str]) -> String {
        let room = self
            .post("/api/rooms/", json!({"name": name, "invited_usernames": invited}))
            .await;
        room["id"].as_str().unwrap().to_owned()
    }

    /// The id of the room of that name.
    pub async fn room(&self, name: &str) -> String {
        let rooms = self.get("/api/rooms/").await;
        let room = rooms.as_array().unwrap().iter().find(|room| room["name"] == name);
        room.unwrap_or_else(|| panic!("no {name} in {rooms}"))["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// The problem that an answer is, of that status.
pub async fn problem(response: Response, status: u16) -> Value {
    let (found, url) = (response.status(), response.url().path().to_owned());
    let kind = response.headers().get("content-type").cloned();
    let text = response.text().await.unwrap();
    assert_eq!(found, StatusCode::from_u16(status).unwrap(), "{url}: {text}");
    assert_eq!(kind.unwrap(), "application/problem+json", "{url}: {text}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["error"], problem["title"]);
    for member in ["type", "title", "detail", "request"] {
        assert!(
            problem[member].as_str().is_some_and(|text| !text.is_empty()),
            "{member}: {text}"
        );
    }
    assert!(problem["errors"].is_object());
    problem
}
