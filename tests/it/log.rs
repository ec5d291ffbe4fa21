//! The log: what it says of a wrong setup, and that it fails before the server does: whatever becomes of it, the server
//! lives on.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::program::{Folder, Server, command, eventually, finish};
use crate::support::{Person, account};

fn is_alive(folder: &Folder, server: &Server) -> bool {
    let mut health = command(folder, &["healthcheck"]);
    finish(health.env("LISTEN", server.socket())).status.success()
}

/// The socket of programs takes a token in its address, if it must be.
#[tokio::test]
async fn a_token_in_the_address_of_a_socket_is_not_logged() {
    let folder = Folder::new();
    let log = File::create(folder.path("log")).unwrap();
    let server = Server::spawn_logged(command(&folder, &[]).stderr(log), &folder.path("data"));
    let address = server.line();
    let code = address.rsplit_once("code=").expect("the setup address").1.to_owned();
    let admin = Person::new(&server.address);
    admin.post("/setup", &account("ada", &[("code", &code)])).await;
    // One with everything, one that is no WebSocket, one at a wrong address, and what cannot be read.
    for path in [
        "/ws/rooms/?token=",
        "/ws/rooms/?x&token=",
        "/ws/room/?token=",
        "/ws/rooms/?token=%ff&token=",
    ] {
        for upgrade in ["Connection: Upgrade\r\nUpgrade: websocket\r\n", ""] {
            let mut stream = TcpStream::connect(server.socket()).unwrap();
            let request = format!(
                "GET {path}the-token-itself HTTP/1.1\r\nHost: {}\r\n{upgrade}Sec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                server.socket()
            );
            stream.write_all(request.as_bytes()).unwrap();
            assert!(stream.read(&mut [0; 1]).unwrap() > 0);
        }
    }
    server.stop();
    let log = std::fs::read_to_string(folder.path("log")).unwrap();
    assert!(log.contains("proxy_http_version"), "{log}");
    assert!(!log.contains("the-token-itself"), "{log}");
}

#[tokio::test]
async fn handshakes_that_lost_their_upgrade_on_the_way_are_logged_once_with_the_lines_that_are_missing() {
    let folder = Folder::new();
    let log = File::create(folder.path("log")).unwrap();
    let server = Server::spawn_logged(command(&folder, &[]).stderr(log), &folder.path("data"));
    let code = server
        .line()
        .rsplit_once("code=")
        .expect("the setup address")
        .1
        .to_owned();
    let admin = Person::new(&server.address);
    admin.post("/setup", &account("ada", &[("code", &code)])).await;
    for _ in 0..3 {
        let mut stream = TcpStream::connect(server.socket()).unwrap();
        // What nginx makes of a handshake by itself.
        let request = format!(
            "GET /ws/chatroom/general HTTP/1.0\r\nHost: {}\r\nConnection: close\r\nOrigin: {}\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            server.socket(),
            server.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 426 "), "{answer}");
    }
    server.stop();
    let log = std::fs::read_to_string(folder.path("log")).unwrap();
    for line in [
        "proxy_http_version 1.1;",
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Connection \"upgrade\";",
    ] {
        assert_eq!(log.matches(line).count(), 1, "{log}");
    }
}

#[test]
fn a_log_on_a_full_disk_ends_nothing() {
    let folder = Folder::new();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let server = Server::spawn_logged(command(&folder, &[]).stderr(full), &folder.path("data"));
    // The main thread tells of this, and of the next.
    server.kill_postgresql();
    assert!(is_alive(&folder, &server));
    server.stop();
}

#[test]
fn a_log_that_nobody_reads_any_more_goes_on_when_somebody_does() {
    let folder = Folder::new();
    let log = folder.path("log");
    assert!(finish(std::process::Command::new("mkfifo").arg(&log)).status.success());
    let reader = read(&log);
    let writer = OpenOptions::new().write(true).open(&log).unwrap();
    let server = Server::spawn_logged(command(&folder, &[]).stderr(writer), &folder.path("data"));
    drop(reader);
    server.kill_postgresql();
    assert!(is_alive(&folder, &server));

    let mut reader = read(&log);
    server.kill_postgresql();
    let mut lines = Vec::new();
    eventually("the log tells that PostgreSQL runs again", || {
        // Fails while nothing has come.
        let _ = reader.read_to_end(&mut lines);
        String::from_utf8_lossy(&lines).contains("the private PostgreSQL runs again")
    });
    server.stop();
}

/// The named pipe's reader, who waits for nothing.
fn read(pipe: &Path) -> File {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    options.open(pipe).unwrap()
}
