//! Starts the real server on a free port, and drives it as people do: with cookies, forms and sockets.

use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::Peekable;
use futures_util::{SinkExt, StreamExt};
use regex::Regex;
use reqwest::cookie::{CookieStore, Jar};
use reqwest::{Client, Response, StatusCode, redirect};
use sqlx::PgPool;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;
use umbrachat::app::{self, Ready};
use umbrachat::config::{Config, Secret};
use umbrachat::state::Clock;
use uuid::Uuid;

/// The password of everybody in the tests.
pub const PASSWORD: &str = "seven quiet moons over the bay";
/// How long something that must happen may take.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long nothing may happen for it to count as not happening.
pub const QUIET: Duration = Duration::from_millis(400);

/// A running server on a database of its own.
pub struct Server {
    pub address: String,
    pub pool: PgPool,
    pub setup_code: Option<String>,
    pub keys: String,
    pub clock: Clock,
    shutdown: CancellationToken,
    serving: Option<tokio::task::JoinHandle<()>>,
}

/// Stands between the parts of [`multipart`].
pub const BOUNDARY: &str = "umbra-test-boundary";

/// A form with these fields, in their order, and these files: field, name and content.
pub fn multipart(fields: &[(&str, &str)], files: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
        );
    }
    for (field, name, content) in files {
        let head = format!("Content-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"");
        body.extend(format!("--{BOUNDARY}\r\n{head}\r\nContent-Type: image/svg+xml\r\n\r\n").bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

/// Limits that tests do not run into by accident, and a fresh master key.
pub fn config() -> Config {
    Config {
        umbra_keys: Some(Secret::new(umbrachat::config::master_keys::generate())),
        message_rate: 10_000.try_into().unwrap(),
        auth_rate: 10_000.try_into().unwrap(),
        api_rate: 100_000.try_into().unwrap(),
        // For the mails of tests that do not read them.
        data_dir: env!("CARGO_TARGET_TMPDIR").into(),
        ..Config::default()
    }
}

/// The server with the tests' limits.
pub async fn spawn(pool: PgPool) -> Server {
    spawn_with(pool, config()).await
}

/// The server as configured.
pub async fn spawn_with(pool: PgPool, config: Config) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let keys = config.umbra_keys.as_ref().unwrap().expose().to_owned();
    let (tell, told) = tokio::sync::oneshot::channel();
    let ready = |ready: Ready| drop(tell.send(ready.setup_code));
    let clock = Clock::default();
    let serve = app::serve(config, pool.clone(), clock.clone(), listener, shutdown.clone(), ready);
    let serving = tokio::spawn(async { serve.await.unwrap() });
    let setup_code = told.await.expect("the server starts");
    Server {
        address,
        pool,
        setup_code,
        keys,
        clock,
        shutdown,
        serving: Some(serving),
    }
}

impl Server {
    /// Ends the server as Ctrl-C does.
    pub async fn stop(&mut self) {
        self.shutdown.cancel();
        if let Some(serving) = self.serving.take() {
            timeout(Duration::from_secs(15), serving)
                .await
                .expect("the server ends in time")
                .unwrap();
        }
    }

    /// A browser that has never been here.
    pub fn visitor(&self) -> Person {
        Person::new(&self.address)
    }

    /// The first administrator, set up with the printed code.
    pub async fn admin(&self) -> Person {
        let mut admin = self.visitor();
        admin.name = "ada".into();
        let code = self.setup_code.clone().expect("an empty server prints a code");
        let answer = admin.post("/setup", &account("ada", &[("code", &code)])).await;
        done(answer).await;
        admin
    }

    /// Somebody who signed up and is logged in.
    pub async fn person(&self, name: &str) -> Person {
        let mut person = self.visitor();
        person.name = name.into();
        let answer = person.post("/accounts/signup", &account(name, &[])).await;
        done(answer).await;
        if !person.is_logged_in().await {
            person.log_in(name).await;
        }
        person
    }

    /// The cast of most tests: an administrator with the room General, Alice and Bob in it, and Charlie, who is logged
    /// in and belongs nowhere.
    pub async fn cast(&self) -> Cast {
        let admin = self.admin().await;
        admin.make_room("General").await;
        let [alice, bob, charlie] = [
            self.person("alice").await,
            self.person("bob").await,
            self.person("charlie").await,
        ];
        alice.join("General").await;
        bob.join("General").await;
        Cast {
            admin,
            alice,
            bob,
            charlie,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Alice owns, Bob belongs, Charlie must be refused.
pub struct Cast {
    pub admin: Person,
    pub alice: Person,
    pub bob: Person,
    pub charlie: Person,
}

/// The fields of a sign-up, with what is given on top.
pub fn account<'a>(name: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("username", name),
        ("email", ""),
        ("first_name", name),
        ("last_name", "Test"),
        ("password", PASSWORD),
        ("consent", "on"),
    ];
    for &(key, value) in more {
        fields.retain(|(old, _)| *old != key);
        fields.push((key, value));
    }
    fields
}

/// A browser with its cookies.
#[derive(Clone)]
pub struct Person {
    pub client: Client,
    pub jar: Arc<Jar>,
    pub address: String,
    pub name: String,
}

impl Person {
    /// A browser that has never been at this address.
    pub fn new(address: &str) -> Self {
        let jar = Arc::new(Jar::default());
        let client = Client::builder()
            .cookie_provider(jar.clone())
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self {
            client,
            jar,
            address: address.to_owned(),
            name: String::new(),
        }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.address)).send().await.unwrap()
    }

    /// The page as text; it must be there.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    /// As htmx asks for a fragment.
    pub async fn fragment(&self, path: &str) -> Response {
        self.client
            .get(format!("{}{path}", self.address))
            .header("HX-Request", "true")
            .send()
            .await
            .unwrap()
    }

    /// As htmx sends a form, from the page at `page`.
    pub async fn post_fragment(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.client
            .post(format!("{}{path}", self.address))
            .header("Origin", &self.address)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("X-CSRF-Token", self.csrf_token().await)
            .header("HX-Request", "true")
            .header("HX-Current-URL", format!("{}{page}", self.address))
            .body(body)
            .send()
            .await
            .unwrap()
    }

    /// Sends a form with the token of the privacy page, which everybody can read.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let token = self.csrf_token().await;
        let mut fields = fields.to_vec();
        fields.push(("csrf_token", &token));
        self.post_raw(path, &fields).await
    }

    /// Sends just these fields, from a page of the server.
    pub async fn post_raw(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.client
            .post(format!("{}{path}", self.address))
            .header("Origin", &self.address)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .unwrap()
    }

    /// The token that this browser's pages carry.
    pub async fn csrf_token(&self) -> String {
        let mut answer = self.get("/accounts/login").await;
        if answer.status() != StatusCode::OK {
            answer = self.get("/setup").await;
        }
        if answer.status() != StatusCode::OK {
            answer = self.get("/privacy").await;
        }
        let page = answer.text().await.unwrap();
        let token = Regex::new(r#"name="csrf_token" value="([^"]+)""#).unwrap();
        token.captures(&page).unwrap_or_else(|| panic!("no token in {page}"))[1].to_owned()
    }

    pub async fn log_in(&self, login: &str) -> Response {
        self.post("/accounts/login", &[("login", login), ("password", PASSWORD)])
            .await
    }

    pub async fn is_logged_in(&self) -> bool {
        self.get("/chat/").await.status() == StatusCode::OK
    }

    pub async fn make_room(&self, name: &str) {
        let answer = self.post("/admin/rooms", &[("name", name), ("topic", "")]).await;
        done(answer).await;
    }

    pub async fn join(&self, room: &str) {
        let answer = self.post(&format!("/chat/room/{room}/join"), &[]).await;
        done(answer).await;
    }

    /// Writes without a socket; gives the number of the message.
    pub async fn write(&self, room: &str, body: &str) -> i64 {
        let id = Uuid::new_v4().to_string();
        let answer = self
            .post(
                &format!("/chat/room/{room}/messages"),
                &[("body", body), ("client_id", &id)],
            )
            .await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let location = answer.headers()["location"].to_str().unwrap();
        location.rsplit_once("#m-").unwrap().1.parse().unwrap()
    }

    /// The cookies that the browser would send.
    pub fn cookies(&self) -> String {
        let cookies = self.jar.cookies(&self.address.parse().unwrap());
        cookies
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    /// A socket of this person, in the room or turned away: `room` may carry a query.
    pub async fn socket(&self, room: &str) -> Socket {
        let socket = self.try_socket(room, Some(&self.address)).await;
        let mut socket = socket.expect("the handshake is accepted");
        // It is in the room from its first frame on, not from the handshake: who speaks earlier may not be heard.
        let first = timeout(PATIENCE, Pin::new(&mut socket.0).peek()).await;
        first.expect("a first frame, or a close");
        socket
    }

    /// The socket of a page without a room, connected or turned away: `query` may say what the page shows.
    pub async fn inbox(&self, query: &str) -> Socket {
        let socket = self
            .try_socket_at(&format!("/ws/inbox{query}"), Some(&self.address))
            .await;
        let mut socket = socket.expect("the handshake is accepted");
        let first = timeout(PATIENCE, Pin::new(&mut socket.0).peek()).await;
        first.expect("a first frame, or a close");
        socket
    }

    /// A socket with that Origin, or with none.
    pub async fn try_socket(&self, room: &str, origin: Option<&str>) -> Result<Socket, tungstenite::Error> {
        self.try_socket_at(&format!("/ws/chatroom/{room}"), origin).await
    }

    /// The same at any address.
    pub async fn try_socket_at(&self, path: &str, origin: Option<&str>) -> Result<Socket, tungstenite::Error> {
        let address = format!("{}{path}", self.address.replacen("http", "ws", 1));
        let mut request = address.into_client_request().unwrap();
        request.headers_mut().insert("cookie", self.cookies().parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        Ok(Socket(connect_async(request).await?.0.peekable()))
    }
}

/// The page's end of a socket.
pub struct Socket(pub Peekable<WebSocketStream<MaybeTlsStream<TcpStream>>>);

impl Socket {
    pub async fn send(&mut self, message: impl Into<Message>) {
        self.0.send(message.into()).await.unwrap();
    }

    /// Writes a message; gives its client id.
    pub async fn say(&mut self, body: &str) -> String {
        let client_id = Uuid::new_v4().to_string();
        self.say_as(body, &client_id).await;
        client_id
    }

    pub async fn say_as(&mut self, body: &str, client_id: &str) {
        self.send(serde_json::json!({"body": body, "client_id": client_id}).to_string())
            .await;
    }

    /// The next text frame.
    pub async fn next(&mut self) -> String {
        self.next_within(PATIENCE).await.expect("a frame comes in time")
    }

    /// The next text frame, if one comes in time.
    pub async fn next_within(&mut self, patience: Duration) -> Option<String> {
        let text = async {
            loop {
                match self
                    .0
                    .next()
                    .await
                    .expect("the socket is open")
                    .expect("the socket works")
                {
                    Message::Text(text) => return text.to_string(),
                    Message::Close(frame) => panic!("closed with {frame:?}"),
                    _ => {}
                }
            }
        };
        timeout(patience, text).await.ok()
    }

    /// The next frame that holds this text; what comes before it is passed over.
    pub async fn until(&mut self, wanted: &str) -> String {
        let found = async {
            loop {
                let frame = self.next().await;
                if frame.contains(wanted) {
                    return frame;
                }
            }
        };
        timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| panic!("no frame holds {wanted:?}"))
    }

    /// The next refusal.
    pub async fn refusal(&mut self) -> serde_json::Value {
        let frame = self.until("\"error\"").await;
        serde_json::from_str::<serde_json::Value>(&frame).unwrap()["error"].take()
    }

    /// Makes sure that no frame with this text comes for a while, and that the socket stays.
    pub async fn hears_nothing_of(&mut self, text: &str) {
        let end = tokio::time::Instant::now() + QUIET;
        while let Some(left) = end.checked_duration_since(tokio::time::Instant::now()) {
            match timeout(left, self.0.next()).await {
                Ok(Some(Ok(Message::Text(frame)))) => assert!(!frame.contains(text), "heard {frame}"),
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                Ok(ended) => panic!("the socket ended: {ended:?}"),
                Err(_) => return,
            }
        }
    }

    /// The code with which the server closes the socket, and the frames before it.
    pub async fn closed(&mut self) -> (u16, Vec<String>) {
        let mut frames = Vec::new();
        let code = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                    Some(Ok(Message::Text(text))) => frames.push(text.to_string()),
                    Some(Ok(_)) => {}
                    other => panic!("ended without a code: {other:?}"),
                }
            }
        };
        let code = timeout(PATIENCE, code).await.expect("the socket is closed in time");
        (code, frames)
    }
}

/// Makes sure that a form was taken; else shows what the page says is wrong.
pub async fn done(answer: Response) {
    let status = answer.status();
    let page = answer.text().await.unwrap();
    let wrong = Regex::new(r#"class="(?:field-error|alert)[^>]*>.*?<span>([^<]*)"#).unwrap();
    let sentences: Vec<_> = wrong.captures_iter(&page).map(|found| found[1].to_owned()).collect();
    assert_eq!(status, StatusCode::SEE_OTHER, "{sentences:?}");
}

/// The values of an attribute, in the order of the page.
pub fn attributes(html: &str, name: &str) -> Vec<String> {
    let attribute = Regex::new(&format!(r#"\b{name}="([^"]*)""#)).unwrap();
    attribute.captures_iter(html).map(|found| found[1].to_owned()).collect()
}

/// The numbers of the messages in a page or frame, in order.
pub fn numbers(html: &str) -> Vec<i64> {
    let message = Regex::new(r#"<li id="m-(\d+)""#).unwrap();
    message
        .captures_iter(html)
        .map(|found| found[1].parse().unwrap())
        .collect()
}

/// The value of the session cookie among those that a browser would send.
pub fn session_cookie(cookies: &str) -> String {
    let session = cookies.split("; ").find(|pair| pair.starts_with("umbra_session_"));
    session
        .and_then(|pair| pair.split_once('='))
        .expect("a session cookie")
        .1
        .to_owned()
}
