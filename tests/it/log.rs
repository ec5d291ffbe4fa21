//! The log fails before the server does: whatever becomes of it, the server lives on.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::program::{Folder, Server, command, eventually, finish};

fn is_alive(folder: &Folder, server: &Server) -> bool {
    let mut health = command(folder, &["healthcheck"]);
    finish(health.env("LISTEN", server.socket())).status.success()
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
