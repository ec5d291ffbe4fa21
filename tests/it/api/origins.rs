//! Pages of other sites, and what opens with a token besides.

use image::ImageFormat;
use reqwest::Method;
use reqwest::header::HeaderMap;
use sqlx::PgPool;
use umbrachat::config::Config;

use super::{Program, problem};
use crate::pictures::{give, picture};
use crate::support::{config, done, spawn, spawn_with};

const ROOMS: &str = "/api/rooms/";

async fn asked_from(program: &Program, method: Method, origin: &str, more: &[(&str, &str)]) -> reqwest::Response {
    let mut request = program.request(method, ROOMS).header("origin", origin);
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

fn allowed(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("access-control-allow-origin")
        .map(|origin| origin.to_str().unwrap())
}

#[sqlx::test]
async fn pages_of_other_sites_read_nothing_unless_they_are_named(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let answer = asked_from(&alice, Method::GET, "https://app.example.org", &[]).await;
    assert_eq!((answer.status().as_u16(), allowed(answer.headers())), (200, None));
    let ask = [("access-control-request-method", "GET")];
    let preflight = asked_from(&alice, Method::OPTIONS, "https://app.example.org", &ask).await;
    assert_eq!(allowed(preflight.headers()), None);
}

#[sqlx::test]
async fn pages_of_named_sites_get_in_with_a_token_and_without_cookies(pool: PgPool) {
    let site = "https://app.example.org";
    let server = spawn_with(
        pool,
        Config {
            cors_origins: vec![site.into()],
            ..config()
        },
    )
    .await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let ask = [
        ("access-control-request-method", "PATCH"),
        ("access-control-request-headers", "authorization, content-type"),
    ];
    let preflight = asked_from(&alice, Method::OPTIONS, site, &ask).await;
    assert!(preflight.status().is_success());
    assert_eq!(allowed(preflight.headers()), Some(site));
    assert!(!preflight.headers().contains_key("access-control-allow-credentials"));
    let answer = asked_from(&alice, Method::GET, site, &[]).await;
    assert_eq!((answer.status().as_u16(), allowed(answer.headers())), (200, Some(site)));
    let exposed = answer.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap()
        .to_lowercase();
    assert!(exposed.contains("link") && exposed.contains("ratelimit"), "{exposed}");
    let refused = asked_from(&Program::stranger(&server), Method::GET, site, &[]).await;
    assert_eq!(allowed(refused.headers()), Some(site), "its page is told why");
    problem(refused, 401).await;
    // Our own pages go on.
    let own = asked_from(&alice, Method::GET, &server.address, &[]).await;
    assert_eq!(own.status(), 200);
    // And so does a program that says where it comes from: it is browsers that keep answers from pages.
    for other in [
        "https://app.example.org.evil.test",
        "http://app.example.org",
        "null",
        "https://\u{fc}.test",
    ] {
        let answer = asked_from(&alice, Method::GET, other, &[]).await;
        assert_eq!(
            (answer.status().as_u16(), allowed(answer.headers())),
            (200, None),
            "{other}"
        );
        assert_eq!(answer.headers()["vary"], "Accept, Origin");
        let preflight = asked_from(&alice, Method::OPTIONS, other, &ask).await;
        assert_eq!(allowed(preflight.headers()), None, "{other}");
    }
    // Files and pictures open there, too.
    for path in ["/files/00000000-0000-0000-0000-000000000000/a", "/pictures/bob/1"] {
        let asked = |method: Method| alice.request(method, path).header("origin", site);
        let ask = [
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization, range"),
        ];
        let preflight = ask.iter().fold(asked(Method::OPTIONS), |asked, (name, value)| {
            asked.header(*name, *value)
        });
        let preflight = preflight.send().await.unwrap();
        assert!(preflight.status().is_success(), "{path}: {}", preflight.status());
        assert_eq!(allowed(preflight.headers()), Some(site));
        let answer = asked(Method::GET).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), allowed(answer.headers())), (404, Some(site)));
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    }
}

#[sqlx::test]
async fn pictures_open_with_a_token(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    done(give(&cast.alice, &picture(ImageFormat::Png)).await).await;
    let bob = Program::of(&server, "bob").await;
    let people = bob.get("/api/users/?search=alice").await;
    let path = people[0]["picture"].as_str().unwrap();
    let response = bob.send(Method::GET, path, None).await;
    assert_eq!(response.status(), 200);
    assert!(
        response.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("image/")
    );
    let bad = Program {
        access: Some("bad".into()),
        ..Program::stranger(&server)
    };
    assert_eq!(
        Program::stranger(&server).send(Method::GET, path, None).await.status(),
        404
    );
    assert!(bad.send(Method::GET, path, None).await.status().is_client_error());
}
