//! Tries out what the document says: many requests of each kind, right and wrong ones, and whether the answers are among
//! those that it names.

use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;

use super::Program;
use crate::services::{packages, system_python};
use crate::support::spawn;

/// Every check but these. One wants whatever fits the schema to be accepted: no schema says who is a friend, which name is
/// taken, or which password is easy to guess. The other wants what was deleted to be gone: of a message its place stays, and is
/// told as such.
const LEFT_OUT: &str = "positive_data_acceptance,use_after_free";

#[sqlx::test]
async fn every_answer_is_as_the_document_says(pool: PgPool) {
    let server = spawn(pool).await;
    server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let room = alice.make_room("Den", &["bob"]).await;
    let sent = Some(json!({"plaintext": "Clear skies"}));
    alice
        .ok(Method::POST, &format!("/api/rooms/{room}/messages/"), sent)
        .await;

    let mut run = system_python();
    run.env("PYTHONPATH", packages("schemathesis"))
        // It keeps notes where it runs.
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .args(["-m", "schemathesis.cli", "run"])
        .arg(format!("{}/api/openapi.json", server.address))
        .args(["--header", &format!("Authorization: Bearer {}", alice.access.unwrap())])
        .args(["--checks", "all", "--exclude-checks", LEFT_OUT])
        // The same requests each time.
        .args(["--generation-deterministic", "--max-examples", "20", "--no-shrink"])
        .args(["--continue-on-failure", "--suppress-health-check", "all", "--no-color"]);
    let ended = tokio::task::spawn_blocking(move || run.output().unwrap())
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{told}\n{stderr}");
    assert!(told.contains("Tested: "), "something was tried: {told}");
}
