//! The embedded default from outside: the real program with its private PostgreSQL, ended in every way there is.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::{Signal, geteuid, kill_process, test_kill_process};
use sqlx::{ConnectOptions, PgPool};

use crate::program::{Folder, Server, command, finish, refused};

#[test]
fn it_starts_says_what_it_uses_and_ends_cleanly() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let data = folder.path("data");
    for part in [
        "database: private PostgreSQL ",
        "bus: local",
        &format!("data directory: {}", data.display()),
    ] {
        assert!(server.ready.contains(part), "{part} is not in: {}", server.ready);
    }
    let mut health = command(&folder, &["healthcheck"]);
    assert!(finish(health.env("LISTEN", server.socket())).status.success());
    let keys = fs::metadata(data.join("keys")).unwrap();
    assert_eq!(keys.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::metadata(data.join("pg")).unwrap().permissions().mode() & 0o777,
        0o700
    );

    let postmaster = server.postmaster().unwrap();
    server.stop();
    // An orderly end: PostgreSQL is gone and took its files along.
    assert!(test_kill_process(postmaster).is_err());
    assert!(!data.join("pg/postmaster.pid").exists());
}

/// An empty server says where its first administrator is made; once there is one it does not.
#[test]
fn the_setup_address_is_said_until_there_is_an_administrator() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let line = server.line();
    assert!(line.contains(&format!(" {}/setup?code=", server.address)), "{line}");
    // Beside the running server; the password comes from standard input.
    let mut admin = command(&folder, &["create-admin", "alice"]);
    admin.stdin(folder.with("password", "correct horse battery staple\n"));
    let output = finish(&mut admin);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "alice is an administrator now.\n"
    );
    server.stop();

    let server = Server::start(&folder);
    assert_eq!(server.said_within(std::time::Duration::from_millis(300)), None);
    server.stop();
    // Without a running server too, and one line when it cannot be.
    let mut weak = command(&folder, &["create-admin", "bob"]);
    weak.stdin(folder.with("password", "short\n"));
    assert!(refused(weak).contains("10"));
}

#[test]
fn keys_that_do_not_fit_the_data_are_refused() {
    let folder = Folder::new();
    Server::start(&folder).stop();
    let mut program = command(&folder, &[]);
    program
        .env("UMBRA_KEYS", fernet::Fernet::generate_key())
        .env("RUST_LOG", "off");
    let line = refused(program);
    assert!(line.contains("UMBRA_KEYS") || line.contains("key"), "{line}");
    Server::start(&folder).stop();
}

#[test]
fn sigterm_ends_it_too() {
    let folder = Folder::new();
    let mut server = Server::start(&folder);
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    assert!(!folder.path("data/pg/postmaster.pid").exists());
}

#[test]
fn a_second_one_on_the_same_data_is_refused() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let line = refused(command(&folder, &[]));
    assert!(line.contains("is in use by another running instance"), "{line}");
    // The first one does not mind, and commands work beside it.
    let migrate = finish(&mut command(&folder, &["migrate"]));
    assert!(migrate.status.success(), "{}", String::from_utf8_lossy(&migrate.stderr));
    assert!(
        finish(command(&folder, &["healthcheck"]).env("LISTEN", server.socket()))
            .status
            .success()
    );
    server.stop();
    // And without it.
    assert!(finish(&mut command(&folder, &["migrate"])).status.success());
}

/// Only the server keeps files: a command makes no folder for them, nor minds a bucket that is not there.
#[test]
fn commands_that_need_no_files_touch_no_store_of_them() {
    let folder = Folder::new();
    assert!(finish(&mut command(&folder, &["migrate"])).status.success());
    let mut admin = command(&folder, &["create-admin", "alice"]);
    admin.stdin(folder.with("password", "correct horse battery staple\n"));
    let output = finish(&mut admin);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = folder.path("data/files");
    assert!(!files.exists());
    // Nobody listens there.
    let bucket = [
        ("S3_BUCKET", "umbra"),
        ("S3_ENDPOINT", "http://127.0.0.1:9"),
        ("S3_REGION", "us-east-1"),
        ("S3_ACCESS_KEY", "a"),
        ("S3_SECRET_KEY", "b"),
    ];
    let mut admin = command(&folder, &["create-admin", "bob"]);
    admin
        .envs(bucket)
        .stdin(folder.with("password", "correct horse battery staple\n"));
    let output = finish(&mut admin);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("S3_BUCKET"));
    Server::start(&folder).stop();
    assert!(files.is_dir());
}

/// Whoever made the folder first, another user's PostgreSQL can enter it.
#[sqlx::test]
async fn a_folder_that_began_with_a_database_elsewhere_takes_one_of_its_own(pool: PgPool) {
    let url = pool.connect_options().to_url_lossy().to_string();
    let runs = move || {
        let folder = Folder::new();
        let mut elsewhere = command(&folder, &[]);
        elsewhere
            .env("DATABASE_URL", url)
            .env("UMBRA_KEYS", umbrachat::config::master_keys::generate());
        Server::spawn(&mut elsewhere, &folder.path("data")).stop();
        assert!(folder.path("data/files").is_dir());
        Server::start(&folder).stop();
    };
    tokio::task::spawn_blocking(runs).await.unwrap();
}

/// What is committed is there after the program alone was killed, and after everything was killed.
#[tokio::test]
async fn what_is_committed_survives_kill_9() {
    let folder = Folder::new();
    let mut server = Server::start(&folder);
    for round in 0..3_i64 {
        let database = server.database().await;
        sqlx::query("CREATE TABLE IF NOT EXISTS survivors (round bigint)")
            .execute(&database)
            .await
            .unwrap();
        sqlx::query("INSERT INTO survivors VALUES ($1)")
            .bind(round)
            .execute(&database)
            .await
            .unwrap();
        let postmaster = server.postmaster().unwrap();
        if round == 1 {
            // A stale pid file stays behind. The backends see the postmaster's end and follow.
            kill_process(postmaster, Signal::KILL).unwrap();
        }
        server.signal(Signal::KILL);
        server.wait();
        server = Server::start(&folder);
        assert_ne!(server.postmaster(), Some(postmaster));
        let database = server.database().await;
        let rows: Vec<i64> = sqlx::query_scalar("SELECT round FROM survivors ORDER BY 1")
            .fetch_all(&database)
            .await
            .unwrap();
        assert_eq!(rows, (0..=round).collect::<Vec<_>>());
    }
}

#[test]
fn a_stale_pid_file_that_names_a_living_process_is_no_obstacle() {
    let folder = Folder::new();
    Server::start(&folder).stop();
    let stale = format!(
        "{}\n{}\n0\n5432\n",
        std::process::id(),
        folder.path("data/pg").display()
    );
    fs::write(folder.path("data/pg/postmaster.pid"), stale).unwrap();
    Server::start(&folder).stop();
}

#[test]
fn an_initdb_that_was_interrupted_is_done_again() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("data/pg.new/base")).unwrap();
    fs::write(folder.path("data/pg.new/PG_VERSION"), "15\n").unwrap();
    fs::set_permissions(folder.path("data"), fs::Permissions::from_mode(0o711)).unwrap();
    Server::start(&folder).stop();
}

#[test]
fn a_postgresql_that_dies_is_started_again() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    server.kill_postgresql();
    // The program itself went on all the time.
    assert!(
        finish(command(&folder, &["healthcheck"]).env("LISTEN", server.socket()))
            .status
            .success()
    );
    server.stop();
}

#[test]
fn data_without_their_key_are_refused_and_left_alone() {
    let folder = Folder::new();
    Server::start(&folder).stop();
    let keys = folder.path("data/keys");
    let kept = fs::read_to_string(&keys).unwrap();

    fs::write(&keys, "damaged\n").unwrap();
    assert!(refused(command(&folder, &[])).contains("does not hold a Fernet key"));
    fs::remove_file(&keys).unwrap();
    assert!(refused(command(&folder, &[])).contains("is missing"));
    assert!(!keys.exists(), "no new key was made for old data");

    fs::write(&keys, &kept).unwrap();
    Server::start(&folder).stop();
}

#[test]
fn data_of_another_version_are_refused_and_left_alone() {
    let folder = Folder::new();
    Server::start(&folder).stop();
    fs::write(folder.path("data/pg/PG_VERSION"), "14\n").unwrap();
    let line = refused(command(&folder, &[]));
    assert!(
        line.contains("the data were made by PostgreSQL 14") && line.contains("postgresql-14"),
        "{line}"
    );
}

#[test]
fn a_folder_with_a_long_path_works() {
    let folder = Folder::new();
    let data = folder.path(&"long".repeat(30));
    let server = Server::spawn(command(&folder, &[]).env("DATA_DIR", &data), &data);
    assert!(
        finish(command(&folder, &["healthcheck"]).env("LISTEN", server.socket()))
            .status
            .success()
    );
    server.stop();
}

#[test]
fn a_folder_of_any_name_works() {
    let folder = Folder::new();
    // Short, or the socket would be elsewhere.
    let data = folder.path(r#" a, "b"'c' $HOME \é "#);
    let server = Server::spawn(command(&folder, &[]).env("DATA_DIR", &data), &data);
    let mut migrate = command(&folder, &["migrate"]);
    assert!(
        finish(migrate.env("DATA_DIR", &data)).status.success(),
        "beside it, too"
    );
    server.stop();
}

/// Whoever may look at PostgreSQL's process must not find our secrets there.
#[test]
fn postgresql_does_not_inherit_our_environment() {
    let folder = Folder::new();
    let secret = "a-session-secret-of-thirty-two-characters";
    let data = folder.path("data");
    let server = Server::spawn(command(&folder, &[]).env("SESSION_SECRET", secret), &data);
    let pid = server.postmaster().unwrap().as_raw_pid();
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("SESSION_SECRET"));
    server.stop();
}

#[test]
fn an_ordinary_user_runs_it_as_themselves() {
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65534;
    if !geteuid().is_root() {
        return; // Then all of these tests do.
    }
    // With a copy of the program in a folder of theirs: the original may lie where they cannot go.
    let folder = Folder::new();
    let (home, copy) = (folder.path("home"), folder.path("umbrachat"));
    fs::create_dir(&home).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_umbrachat"), &copy).unwrap();
    std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOBODY)).unwrap();
    let mut program = std::process::Command::new(&copy);
    program
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    program
        .env("LISTEN", "127.0.0.1:0")
        .current_dir(&home)
        .uid(NOBODY)
        .gid(NOBODY);
    let server = Server::spawn(&mut program, &home.join("data"));
    assert!(server.ready.contains("/home/data"), "{}", server.ready);
    server.stop();
}
