//! People's pictures: who may give one, what is kept of it, and who sees it.

use std::io::Cursor;
use std::time::Duration;

use image::{DynamicImage, ImageFormat, RgbImage};
use reqwest::{Response, StatusCode};
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{BOUNDARY, Cast, Person, attributes, multipart, spawn};

/// A picture whose left half is red and whose right half is black.
pub fn picture(format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let drawn: DynamicImage =
        RgbImage::from_fn(400, 200, |x, _| image::Rgb([if x < 200 { 255 } else { 0 }, 0, 0])).into();
    drawn.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// Sends a body to the address that takes pictures, as a page without script does.
async fn send(person: &Person, body: Vec<u8>) -> Response {
    let request = person.client.post(format!("{}/settings/picture", person.address));
    let request = request.header("Origin", &person.address);
    let request = request.header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"));
    request.body(body).send().await.unwrap()
}

/// Chooses that file in the settings.
pub async fn give(person: &Person, file: &[u8]) -> Response {
    let token = person.csrf_token().await;
    send(
        person,
        multipart(&[("csrf_token", &token)], &[("picture", "../a.svg", file)]),
    )
    .await
}

/// The addresses of pictures on a page, without their size.
pub fn addresses(page: &str) -> Vec<String> {
    let sources = attributes(page, "src").into_iter();
    let pictures = sources.filter(|source| source.starts_with("/pictures/"));
    pictures
        .map(|source| source.split('?').next().unwrap().to_owned())
        .collect()
}

#[sqlx::test]
async fn a_picture_is_shown_to_people_with_an_account_until_another_one_comes(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    alice.write("General", "hello").await;
    let mut room = bob.socket("General").await;
    let mut elsewhere = charlie.inbox("").await;

    let answer = give(&alice, &picture(ImageFormat::Png)).await;
    assert_eq!(answer.headers()["location"], "/settings/profile");
    let frame = room.until("<template data-author=").await;
    let address = addresses(&frame).remove(0);
    elsewhere.hears_nothing_of("/pictures/").await;
    for page in [
        bob.page("/chat/room/General").await,
        charlie.page("/@alice").await,
        alice.page("/settings/profile").await,
    ] {
        assert!(addresses(&page).contains(&address), "{address}");
    }
    bob.write("General", "and I").await;
    alice.write("General", "again").await;
    assert_eq!(
        addresses(&room.until("again").await),
        std::slice::from_ref(&address),
        "a message that is pushed"
    );

    for (size, side) in [("?size=48", 48), ("?size=96", 96), ("?size=288", 288), ("", 96)] {
        let answer = charlie.get(&format!("{address}{size}")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "image/jpeg");
        assert_eq!(
            answer.headers()["cache-control"],
            "private, max-age=31536000, immutable"
        );
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        let shown = image::load_from_memory(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!((shown.width(), shown.height()), (side, side));
    }
    assert_eq!(
        charlie.get(&format!("{address}?size=49")).await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(server.visitor().get(&address).await.status(), StatusCode::NOT_FOUND);
    let of_bob = address.replace("/alice/", "/bob/");
    assert_eq!(charlie.get(&of_bob).await.status(), StatusCode::NOT_FOUND);

    give(&alice, &picture(ImageFormat::WebP)).await;
    let newer = addresses(&alice.page("/@alice").await).remove(0);
    assert_ne!(newer, address);
    assert_eq!(
        charlie.get(&address).await.status(),
        StatusCode::NOT_FOUND,
        "the one before"
    );
    alice.post("/settings/picture/delete", &[]).await;
    assert_eq!(charlie.get(&newer).await.status(), StatusCode::NOT_FOUND);
    assert!(addresses(&bob.page("/chat/room/General").await).is_empty());
}

#[sqlx::test]
async fn what_is_wrong_with_a_file_stands_beside_its_field_and_nothing_is_kept(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    for (file, sentence) in [
        (svg.to_vec(), "Choose a JPEG, PNG, GIF or WebP picture."),
        (Vec::new(), "Choose a picture."),
        (
            picture(ImageFormat::Png)[..100].to_vec(),
            "This picture cannot be read. Choose another one.",
        ),
        (
            vec![0; 6_000_000],
            "This file is larger than 5 MB. Choose a smaller one.",
        ),
    ] {
        let answer = give(&alice, &file).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{sentence}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(sentence) && page.contains("picture-note"), "{sentence}");
    }
    assert_eq!(
        give(&alice, &vec![0; 7_000_000]).await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM pictures")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(kept, 0);
}

#[sqlx::test]
async fn the_token_is_the_first_part_of_the_form(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    let token = alice.csrf_token().await;
    let file = picture(ImageFormat::Jpeg);
    for fields in [
        &[][..],
        &[("csrf_token", "wrong")],
        &[("x", "0"), ("csrf_token", token.as_str())],
    ] {
        assert_eq!(
            send(&alice, multipart(fields, &[("picture", "../a.svg", &file)]))
                .await
                .status(),
            StatusCode::FORBIDDEN,
            "{fields:?}"
        );
    }
    let crop = [
        ("csrf_token", token.as_str()),
        ("x", "200"),
        ("y", "0"),
        ("size", "200"),
    ];
    assert_eq!(
        send(&alice, multipart(&crop, &[("picture", "../a.svg", &file)]))
            .await
            .status(),
        StatusCode::SEE_OTHER
    );
    let address = addresses(&alice.page("/@alice").await).remove(0);
    let shown = alice.get(&format!("{address}?size=288")).await.bytes().await.unwrap();
    let shown = image::load_from_memory(&shown).unwrap().to_rgb8();
    assert!(shown.get_pixel(20, 144).0[0] < 40, "the right half, which is black");
}

/// Whoever has no account is refused before anything of the file is read, and so is a second file at the same time.
#[sqlx::test]
async fn one_file_at_a_time_is_read_and_of_people_with_an_account_only(pool: PgPool) {
    let server = spawn(pool).await;
    server.admin().await;
    let alice = server.person("alice").await;
    let token = alice.csrf_token().await;
    let open = async |cookies: &str| {
        let host = server.address.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).await.unwrap();
        let head = format!(
            "POST /settings/picture HTTP/1.1\r\nHost: {host}\r\nOrigin: {}\r\nCookie: {cookies}\r\nX-CSRF-Token: {token}\r\n\
             Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: 1000000\r\n\r\n--",
            server.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let mut visitor = open("").await;
    let mut answer = [0; 12];
    visitor.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 303");

    let unfinished = open(&alice.cookies()).await;
    let second = async {
        while give(&alice, &picture(ImageFormat::Png)).await.status() != StatusCode::TOO_MANY_REQUESTS {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, second)
        .await
        .expect("the second is refused");
    drop(unfinished);
    let again = async {
        while give(&alice, &picture(ImageFormat::Png)).await.status() != StatusCode::SEE_OTHER {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, again)
        .await
        .expect("the turn is given back");
}
