//! The tour in `docs/api.md`.

use std::process::Command;

use sqlx::PgPool;

use super::Program;
use crate::program::Folder;
use crate::support::spawn;

#[sqlx::test]
async fn every_line_of_the_tour_works(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let tour: Vec<_> = include_str!("../../../docs/api.md")
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split_once("```").expect("an example ends").0)
        .collect();
    let folder = Folder::new();
    let mut shell = Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-c", &tour.concat()])
        .env("SERVER", &server.address)
        // Debian's packages are for the system's Python, whatever other one stands first.
        .env("PATH", format!("/usr/bin:{}", std::env::var("PATH").unwrap()))
        .current_dir(folder.path(""));
    let ended = tokio::task::spawn_blocking(move || shell.output().unwrap())
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success(),
        "{told}\n{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let pages = "2 robin: At ten, on the hill.\n3 robin: Bring the short lens.\n1 robin: Clear skies tonight?\n";
    assert!(told.contains(pages), "{told}");
    assert!(told.contains("new_message Clear skies tonight?\n"), "{told}");
    assert!(told.contains("new_message Clouds after all.\n"), "{told}");

    let robin = Program::of(&server, "robin").await;
    let room = robin.room("Stargazing").await;
    let messages = robin.get(&format!("/api/rooms/{room}/messages/")).await;
    assert_eq!(messages[3]["attachment"]["file_name"], "targets.txt");
    assert_eq!(messages[4]["plaintext"], "Clouds after all.");
}
