//! Settings from outside: a wrong one ends the start with one line that names it.

use std::os::unix::ffi::OsStrExt;

use fernet::Fernet;
use rustix::process::geteuid;

use crate::program::{Folder, command, finish, refused};

#[test]
fn every_wrong_value_ends_the_start_with_one_line() {
    let folder = Folder::new();
    for (name, value) in [
        ("LISTEN", "8000"),
        ("LISTEN", "localhost:8000"),
        ("PUBLIC_URL", "chat.example.org"),
        ("PUBLIC_URL", "https://example.org/chat"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("DATABASE_URL", "mysql://localhost/chat"),
        ("REDIS_URL", "http://localhost"),
        ("UMBRA_KEYS", "not-a-key"),
        ("SESSION_SECRET", "short"),
        ("MESSAGE_RATE", "0"),
        ("SOCKETS_PER_USER", "many"),
        ("AUTH_RATE", "-3"),
        ("API_RATE", "0"),
        ("WS_QUERY_TOKEN", "maybe"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://app.example.org,app.example.org"),
        ("CORS_ORIGINS", "https://app.example.org/path"),
        ("UMBRA_PG_BIN", "/nowhere"),
        ("RUST_LOG", "a=b=c"),
        ("RUST_LOG", "info, ééé=debug"),
    ] {
        let mut program = command(&folder, &[]);
        program.env(name, value);
        let line = refused(program);
        assert!(line.starts_with(&format!("{name} ")), "{line}");
        assert!(line.contains(&format!("; example: {name}=")), "{line}");
    }
}

/// The settings that hold a secret, each with a good value.
fn secrets() -> [(&'static str, String); 4] {
    [
        ("DATABASE_URL", "postgres://bob:hunter2@127.0.0.1:1/chat".into()),
        ("REDIS_URL", "redis://:hunter2@127.0.0.1:1".into()),
        ("UMBRA_KEYS", Fernet::generate_key()),
        ("SESSION_SECRET", "a-session-secret-of-thirty-two-characters".into()),
    ]
}

#[test]
fn a_secret_may_come_from_a_file() {
    let folder = Folder::new();
    for (name, value) in secrets() {
        let file = folder.path(name);
        std::fs::write(&file, format!("{value}\n")).unwrap();
        // The start gets past the secrets, to the one setting that is wrong.
        let mut program = command(&folder, &["healthcheck"]);
        program.env(format!("{name}_FILE"), &file).env("LISTEN", "127.0.0.1:1");
        assert_eq!(
            refused(program),
            "127.0.0.1:1 does not answer: Connection refused (os error 111)"
        );
        // What is in the file is looked at like any other value.
        std::fs::write(&file, "hunter2\n").unwrap();
        let mut program = command(&folder, &[]);
        program.env(format!("{name}_FILE"), &file);
        let line = refused(program);
        assert!(
            line.starts_with(&format!("{name} ")) && !line.contains("hunter2"),
            "{line}"
        );
    }
}

#[test]
fn a_file_that_holds_no_secret_ends_the_start_with_one_line() {
    let folder = Folder::new();
    std::fs::write(folder.path("empty"), "\n").unwrap();
    std::fs::write(folder.path("binary"), b"\xff\n").unwrap();
    for (name, value) in secrets() {
        let refused_with = |file: &str, value: &str| {
            let mut program = command(&folder, &[]);
            program.env(format!("{name}_FILE"), folder.path(file)).env(name, value);
            let line = refused(program);
            assert!(line.contains(&format!("; example: {name}_FILE=/")), "{line}");
            line
        };
        for (file, value, problem) in [
            ("missing", "", "cannot be read: "),
            ("binary", "", "cannot be read: "),
            ("empty", "", "names a file that holds nothing: "),
            ("empty", &value, "is set, and so is "),
        ] {
            let line = refused_with(file, value);
            assert!(line.starts_with(&format!("{name}_FILE {problem}")), "{line}");
            assert!(!line.contains("hunter2"), "{line}");
        }
    }
}

/// Every user of a machine can read the command lines of its programs.
#[test]
fn secrets_on_the_command_line_are_warned_of() {
    let said = |arguments: &[&str]| {
        let mut program = command(&Folder::new(), arguments);
        program.env("UMBRA_PG_BIN", "/nowhere");
        String::from_utf8(finish(&mut program).stderr).unwrap()
    };
    let [_, _, (_, key), (_, secret)] = secrets();
    for arguments in [
        ["--umbra-keys", &key, "--session-secret", &secret, "serve"],
        ["serve", "--umbra-keys", &key, "--session-secret", &secret],
    ] {
        let said = said(&arguments);
        assert_eq!(said.matches("the list of processes").count(), 1, "{said}");
        assert!(said.contains("UMBRA_KEYS or UMBRA_KEYS_FILE"), "{said}");
        assert!(said.contains("SESSION_SECRET or SESSION_SECRET_FILE"), "{said}");
        assert!(!said.contains(&key) && !said.contains(&secret), "{said}");
    }
    let said_of_urls = said(&[
        "--database-url",
        "postgres://bob:hunter2@db/chat",
        "--redis-url",
        "redis://cache",
    ]);
    assert!(
        said_of_urls.contains("DATABASE_URL or DATABASE_URL_FILE"),
        "{said_of_urls}"
    );
    assert!(
        !said_of_urls.contains("REDIS_URL"),
        "it holds no password: {said_of_urls}"
    );
    assert!(!said_of_urls.contains("hunter2"), "{said_of_urls}");

    let mut program = command(&Folder::new(), &[]);
    program.env("UMBRA_KEYS", key).env("UMBRA_PG_BIN", "/nowhere");
    assert!(refused(program).starts_with("UMBRA_PG_BIN "), "nothing else is said");
}

#[test]
fn an_address_with_raw_special_characters_is_refused_at_once() {
    // What stands before the character may be a number, and so look like a port.
    for part in ["xyzzy", "1234"] {
        for character in ["/", "?", "#", "%", "%ff", "@/", "/?user="] {
            for (name, scheme) in [("DATABASE_URL", "postgres"), ("REDIS_URL", "redis")] {
                let mut program = command(&Folder::new(), &[]);
                program
                    .env(name, format!("{scheme}://bob:{part}{character}plugh@127.0.0.1:1/0"))
                    .env("UMBRA_KEYS", Fernet::generate_key());
                let line = refused(program);
                assert!(line.starts_with(&format!("{name} holds a character")), "{line}");
                assert!(!line.contains(part) && !line.contains("plugh"), "{line}");
            }
        }
    }
}

#[test]
fn a_parameter_of_the_database_that_is_not_known_is_named() {
    for (parameter, problem) in [
        ("sslmod=require", "has a parameter that is not known: sslmod;"),
        (
            "sslmode=require&SSLMODE=x",
            "has a parameter that is not known: SSLMODE;",
        ),
        ("options[a=b", "has a parameter that is not known: options[a;"),
        ("sslmode=requires", "has a value of sslmode that cannot be used;"),
        ("port=many", "has a value of port that cannot be used;"),
    ] {
        let mut program = command(&Folder::new(), &[]);
        program
            .env(
                "DATABASE_URL",
                format!("postgres://bob:hunter2@127.0.0.1:1/chat?{parameter}"),
            )
            .env("UMBRA_KEYS", Fernet::generate_key());
        let line = refused(program);
        assert!(line.starts_with(&format!("DATABASE_URL {problem}")), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
}

#[test]
fn a_value_that_is_not_text_is_named_too() {
    let mut program = command(&Folder::new(), &[]);
    program.env("PUBLIC_URL", std::ffi::OsStr::from_bytes(b"https://\xff"));
    assert!(refused(program).starts_with("PUBLIC_URL is not readable text"));
}

#[test]
fn a_flag_wins_over_the_environment_wherever_it_stands() {
    let folder = Folder::new();
    for arguments in [["--listen", "flag", "serve"], ["serve", "--listen", "flag"]] {
        let line = refused(command(&folder, &arguments));
        assert!(line.starts_with("LISTEN ") && line.contains("\"flag\""), "{line}");
    }
}

#[test]
fn a_given_database_without_keys_is_refused() {
    let mut program = command(&Folder::new(), &[]);
    program.env("DATABASE_URL", "postgres://bob:hunter2@127.0.0.1:1/chat");
    let line = refused(program);
    assert!(
        line.starts_with("UMBRA_KEYS is not set") && line.contains("umbrachat keys generate"),
        "{line}"
    );
    assert!(!line.contains("hunter2"), "{line}");
}

#[test]
fn a_database_that_refuses_us_is_not_waited_for() {
    let url = std::env::var("DATABASE_URL").expect("tests have a database");
    let (server, _) = url.rsplit_once('/').unwrap();
    let mut program = command(&Folder::new(), &[]);
    program
        .env("DATABASE_URL", format!("{server}/no_such_database"))
        .env("UMBRA_KEYS", Fernet::generate_key());
    let started = std::time::Instant::now();
    let line = refused(program);
    assert!(line.contains("no_such_database"), "{line}");
    assert!(started.elapsed().as_secs() < 10);
}

#[test]
fn a_database_that_is_away_is_waited_for_and_then_named_in_one_line() {
    let mut program = command(&Folder::new(), &[]);
    // Nothing listens on port 1. The key and the password must not be said.
    program
        .env("DATABASE_URL", "postgres://bob:hunter2@127.0.0.1:1/chat")
        .env("UMBRA_KEYS", Fernet::generate_key());
    let started = std::time::Instant::now();
    let output = finish(&mut program);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        (25..45).contains(&started.elapsed().as_secs()),
        "{:?}",
        started.elapsed()
    );
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains("waiting for the database"), "{said}");
    assert!(
        lines[1].starts_with("umbrachat: the database cannot be used: "),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut program = command(&Folder::new(), &[]);
    program.env("LISTEN", taken.local_addr().unwrap().to_string());
    let line = refused(program);
    assert!(
        line.starts_with("LISTEN cannot be used") && line.contains("example: LISTEN="),
        "{line}"
    );
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let folder = Folder::new();
    std::fs::write(folder.path("file"), "").unwrap();
    let mut unusable = vec![
        folder.path("file"),
        folder.path("file/inside"),
        "/proc/umbrachat".into(),
    ];
    if geteuid().is_root() {
        // PostgreSQL will not be root there.
        let closed = folder.path("closed");
        std::fs::create_dir(&closed).unwrap();
        std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        unusable.push(closed.join("data"));
    }
    // PostgreSQL's tools take a line for a path, and its address in the environment is text.
    unusable.push(folder.path("two\nlines"));
    unusable.push(folder.path("").join(std::ffi::OsStr::from_bytes(b"\xff")));
    for path in unusable {
        let mut program = command(&folder, &[]);
        program.env("DATA_DIR", &path);
        let line = refused(program);
        assert!(
            line.starts_with("DATA_DIR cannot be used: ") && line.contains("example: DATA_DIR="),
            "{line}"
        );
    }
}

#[test]
fn keys_generate_prints_a_key_that_works() {
    let output = finish(&mut command(&Folder::new(), &["keys", "generate"]));
    assert!(output.status.success());
    assert!(Fernet::new(String::from_utf8(output.stdout).unwrap().trim()).is_some());
}

#[test]
fn healthcheck_says_when_nothing_answers() {
    let mut program = command(&Folder::new(), &["healthcheck"]);
    program.env("LISTEN", "127.0.0.1:1");
    assert!(refused(program).starts_with("127.0.0.1:1 does not answer"));
}
