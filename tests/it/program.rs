//! The real program as a child process, with a temporary folder and an environment of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

/// How long anything that should happen may take here, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that goes with the test, under the temp directory so that another user's PostgreSQL can enter it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("umbrachat-it-{}", Uuid::new_v4().simple()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o711)).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file with that text, opened for reading: a program's standard input.
    pub fn with(&self, name: &str, text: &str) -> fs::File {
        fs::write(self.path(name), text).unwrap();
        fs::File::open(self.path(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The PostgreSQL of a program that was just killed may still be writing.
        for _ in 0..100 {
            if fs::remove_dir_all(&self.0).is_ok() || !self.0.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The program with nothing in its environment but `PATH`, a free port, and its data in `folder`.
pub fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbrachat"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DATA_DIR", folder.path("data"))
        .env("LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null());
    command
}

/// Runs a command that must be refused: exit code not 0, one line on standard error, nothing on standard output.
pub fn refused(mut command: Command) -> String {
    let output = finish(&mut command);
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{line}");
    assert_eq!(output.stdout, b"", "{line}");
    assert_eq!(line.lines().count(), 1, "not one line: {line}");
    line.trim_end()
        .strip_prefix("umbrachat: ")
        .expect("the line begins with the program's name")
        .to_owned()
}

/// Runs a command that ends by itself.
pub fn finish(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = wait(&mut child);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
    Output { status, stdout, stderr }
}

fn wait(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if started.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("the program does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A running server; killed when the test is over.
pub struct Server {
    child: Child,
    lines: Receiver<String>,
    /// Where it said it listens, like `http://127.0.0.1:40123`.
    pub address: String,
    /// The whole line in which it said so.
    pub ready: String,
    data: PathBuf,
}

impl Server {
    pub fn start(folder: &Folder) -> Self {
        Self::spawn(&mut command(folder, &[]), &folder.path("data"))
    }

    pub fn spawn(command: &mut Command, data: &Path) -> Self {
        Self::spawn_logged(command.stderr(Stdio::inherit()), data)
    }

    /// The same, with the log where the command says.
    pub fn spawn_logged(command: &mut Command, data: &Path) -> Self {
        let mut child = command.stdout(Stdio::piped()).process_group(0).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        let mut server = Self {
            child,
            lines,
            address: String::new(),
            ready: String::new(),
            data: data.to_owned(),
        };
        server.ready = server.line();
        let address = server
            .ready
            .strip_prefix("UmbraChat is ready: ")
            .expect("the first line says where");
        server.address = address.split(' ').next().unwrap().to_owned();
        server
    }

    /// The next line that it says.
    pub fn line(&self) -> String {
        self.lines
            .recv_timeout(PATIENCE)
            .expect("the program says something in time")
    }

    /// What else it says within that time.
    pub fn said_within(&self, time: Duration) -> Option<String> {
        self.lines.recv_timeout(time).ok()
    }

    /// The port it listens on, as an address.
    pub fn socket(&self) -> &str {
        self.address.strip_prefix("http://").unwrap()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    /// Ctrl-C, and the orderly end that must follow.
    pub fn stop(mut self) {
        self.signal(Signal::INT);
        assert!(self.wait().success());
    }

    /// The first process of its private PostgreSQL.
    pub fn postmaster(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.data.join("pg/postmaster.pid")).ok()?;
        Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
    }

    /// Kills its private PostgreSQL, and waits until the next one takes connections.
    pub fn kill_postgresql(&self) {
        let first = self.postmaster().unwrap();
        kill_process(first, Signal::KILL).unwrap();
        eventually("a new PostgreSQL is ready", || {
            let text = fs::read_to_string(self.data.join("pg/postmaster.pid")).unwrap_or_default();
            self.postmaster().is_some_and(|pid| pid != first) && text.lines().nth(7).map(str::trim) == Some("ready")
        });
    }

    /// A connection to its private PostgreSQL.
    pub async fn database(&self) -> PgPool {
        let options = PgConnectOptions::new_without_pgpass()
            .socket(self.data.join("pg"))
            .port(5432)
            .username("umbrachat")
            .database("postgres");
        PgPoolOptions::new()
            .acquire_timeout(PATIENCE)
            .max_connections(2)
            .connect_with(options)
            .await
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `true`.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
