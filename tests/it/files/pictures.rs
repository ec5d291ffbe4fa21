//! Pictures among the files: what is kept of them, and what is refused.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};
use reqwest::StatusCode;
use sqlx::PgPool;

use super::{CANARY, bytes, emptied, kept, number, own_folder, send_file, upload, write_with};
use crate::pictures::picture;
use crate::support::{Cast, spawn, spawn_with};

/// A JPEG file of 400 by 200 pixels that says where it was taken, and that it lies on its side.
fn photograph() -> Vec<u8> {
    let plain = picture(ImageFormat::Jpeg);
    // Exif (CIPA DC-008): one directory with the orientation "turn right", and the canary behind it.
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    exif.extend(CANARY.bytes());
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&plain[..2], &[0xFF, 0xE1], &length, &exif, &plain[2..]].concat()
}

#[sqlx::test]
async fn pictures_stand_upright_and_tell_nothing_but_what_is_seen(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast {
        alice, bob, charlie, ..
    } = server.cast().await;
    let answer = send_file(&alice, "General", "beach.jpg", &photograph()).await;
    let told: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(
        (told["name"].as_str(), told["type"].as_str()),
        (Some("beach.jpg"), Some("image/jpeg"))
    );
    let id = told["id"].as_str().unwrap();
    number(&write_with(&alice, "General", "look", &[id]).await);
    let page = bob.page("/chat/room/General").await;
    // The space that it takes is there before it is.
    assert!(
        page.contains("data-picture data-name=\"beach.jpg\" data-width=\"200\" data-height=\"400\""),
        "{page}"
    );
    assert!(
        page.contains("width=\"160\" height=\"320\" alt=\"beach.jpg\""),
        "{page}"
    );
    for path in [format!("/files/{id}/beach.jpg"), format!("/files/{id}/thumbnail")] {
        let answer = bob.get(&path).await;
        assert_eq!(answer.headers()["content-type"], "image/jpeg");
        let served = answer.bytes().await.unwrap();
        assert!(!served.windows(6).any(|part| part == &CANARY.as_bytes()[..6]), "{path}");
        let seen = image::load_from_memory(&served).unwrap().to_rgb8();
        assert_eq!(seen.dimensions(), (200, 400), "{path}");
        // The left half, which is red, is above now.
        assert!(
            seen.get_pixel(100, 50)[0] > 200 && seen.get_pixel(100, 350)[0] < 50,
            "{path}"
        );
        assert_eq!(charlie.get(&path).await.status(), StatusCode::NOT_FOUND);
    }
    // What came is not kept beside it.
    assert_eq!(kept(&folder).1, 2);
    let disposition = bob.get(&format!("/files/{id}/x")).await.headers()["content-disposition"].clone();
    assert_eq!(disposition, "inline; filename*=UTF-8''beach.jpg");
}

#[sqlx::test]
async fn what_looks_like_a_picture_is_one_or_is_refused(pool: PgPool) {
    let (config, folder) = own_folder();
    let server = spawn_with(pool, config).await;
    let Cast { alice, bob, .. } = server.cast().await;
    // 50,000 by 50,000 pixels, says its head.
    let mut huge = picture(ImageFormat::Png);
    huge[16..24].copy_from_slice(&[0, 0, 0xC3, 0x50, 0, 0, 0xC3, 0x50]);
    let broken = picture(ImageFormat::Jpeg)[..800].to_vec();
    for (name, content) in [
        ("huge.png", &huge),
        ("broken.jpg", &broken),
        ("empty.gif", &b"GIF89a".to_vec()),
    ] {
        let answer = send_file(&alice, "General", name, content).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
    emptied(&folder).await;
    // A page in the clothes of a picture keeps nothing of the page.
    let polyglot = [&picture(ImageFormat::Png)[..], b"<script>alert(1)</script>"].concat();
    let id = upload(&alice, "General", "page.html", &polyglot).await;
    number(&write_with(&alice, "General", "", &[&id]).await);
    let answer = bob.get(&format!("/files/{id}/page.html")).await;
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert!(!answer.bytes().await.unwrap().windows(7).any(|part| part == b"<script"));
    for (name, content) in [
        (
            "a.svg",
            &b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"[..],
        ),
        ("a.html", b"<!doctype html><script>alert(1)</script>"),
        ("a.png", b"no picture at all"),
    ] {
        let id = upload(&alice, "General", name, content).await;
        number(&write_with(&alice, "General", "", &[&id]).await);
        let answer = bob.get(&format!("/files/{id}/{name}")).await;
        assert_eq!(answer.headers()["content-type"], "application/octet-stream", "{name}");
        assert!(
            answer.headers()["content-disposition"]
                .to_str()
                .unwrap()
                .starts_with("attachment"),
            "{name}"
        );
    }
}

#[sqlx::test]
async fn an_animation_keeps_moving_without_what_else_was_in_it(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let mut file = Vec::new();
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut file);
        encoder.set_repeat(image::codecs::gif::Repeat::Infinite).unwrap();
        for red in [0, 120, 240] {
            let frame = DynamicImage::from(RgbImage::from_pixel(20, 10, image::Rgb([red, 0, 0]))).to_rgba8();
            encoder.encode_frame(image::Frame::new(frame)).unwrap();
        }
    }
    // A comment before the end of the file.
    file.pop();
    file.extend([0x21, 0xFE, u8::try_from(CANARY.len()).unwrap()]);
    file.extend(CANARY.bytes());
    file.extend([0, 0x3B]);
    let id = upload(&alice, "General", "moon.gif", &file).await;
    number(&write_with(&alice, "General", "", &[&id]).await);
    let served = bytes(&bob, &format!("/files/{id}/moon.gif")).await;
    assert!(!served.windows(6).any(|part| part == &CANARY.as_bytes()[..6]));
    let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(served)).unwrap();
    let frames: Vec<_> = image::AnimationDecoder::into_frames(decoder)
        .map(|frame| frame.unwrap().into_buffer())
        .collect();
    assert_eq!(frames.len(), 3);
    assert!(frames[2].get_pixel(5, 5)[0] > 200 && frames[0].get_pixel(5, 5)[0] < 50);
}
