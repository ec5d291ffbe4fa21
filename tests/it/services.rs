//! The servers around the program, for tests that stop and start them.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::postgres::PgConnectOptions;
use umbrachat::config::{Bucket, Secret};
use uuid::Uuid;

use crate::program::Folder;

/// A port on which nothing listens.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The Redis that the tests share.
pub fn shared_redis() -> String {
    std::env::var("TEST_REDIS_URL").expect("TEST_REDIS_URL names a Redis: `make test` starts one")
}

/// The S3 server that the tests share: its address. It is started for the first test that asks, and ends with the last.
pub fn shared_s3() -> &'static str {
    static SHARED: LazyLock<(Child, String)> = LazyLock::new(|| {
        let mut python = python("s3.py");
        python.env("PYTHONPATH", packages("s3"));
        let (process, port) = start_python(python, "scripts/need.sh python, then s3");
        (process, format!("http://127.0.0.1:{port}"))
    });
    &SHARED.1
}

/// A new bucket there.
pub async fn new_bucket() -> Bucket {
    let name = format!("it-{}", Uuid::new_v4().simple());
    let address = format!("{}/{name}", shared_s3());
    let made = reqwest::Client::new().put(address).send().await.unwrap();
    assert_eq!(made.status(), reqwest::StatusCode::OK);
    Bucket {
        name,
        endpoint: Some(shared_s3().parse().unwrap()),
        region: "eu-central-1".into(),
        access_key: "umbrachat".into(),
        secret_key: Secret::new("a secret that this server does not look at"),
    }
}

/// The system's Python with a script that stands beside this file.
pub fn python(script: &str) -> Command {
    let mut command = system_python();
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(script));
    command
}

/// The system's Python: Debian's packages are for no other one.
pub fn system_python() -> Command {
    let system = Path::new("/usr/bin/python3");
    Command::new(if system.exists() { system } else { Path::new("python3") })
}

/// Where `scripts/need.sh` puts the packages of that part.
pub fn packages(part: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(part)
}

/// Starts a server that is such a script; the port that it prints. It ends when its standard input does, as it does at the
/// latest with the tests. `needed` installs what it needs.
pub fn start_python(mut python: Command, needed: &str) -> (Child, u16) {
    let mut process = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let printed = BufReader::new(process.stdout.take().unwrap()).read_line(&mut line);
    printed.unwrap();
    let port = line.trim().parse();
    let port = port.unwrap_or_else(|_| panic!("{python:?} does not start: {needed}"));
    (process, port)
}

/// A Redis of the test's own.
pub struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    pub fn start() -> Self {
        Stopped(free_port()).start_again()
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// From now on it does not answer, and nobody is told.
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.process), Signal::STOP).unwrap();
    }

    pub fn stop(self) -> Stopped {
        Stopped(self.port)
    }
}

/// A Redis that was stopped: its port.
pub struct Stopped(u16);

impl Stopped {
    pub fn start_again(self) -> Redis {
        let port = self.0.to_string();
        let settings = [
            "--bind",
            "127.0.0.1",
            "--port",
            &port,
            "--save",
            "",
            "--appendonly",
            "no",
        ];
        let process = Command::new("redis-server")
            .args(settings)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed: `make test` sees to it");
        Redis { process, port: self.0 }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// A PostgreSQL of the test's own.
pub struct Postgres {
    programs: PathBuf,
    data: PathBuf,
    port: u16,
}

impl Postgres {
    /// A new, empty one, running.
    pub fn start() -> Self {
        let postgres = Self {
            programs: postgres_programs(),
            data: std::env::temp_dir().join(format!("umbrachat-it-pg-{}", Uuid::new_v4().simple())),
            port: free_port(),
        };
        postgres.run(
            "initdb",
            &[
                "--locale=C",
                "--encoding=UTF8",
                "--auth=trust",
                "--username=postgres",
                "--no-sync",
            ],
        );
        postgres.begin();
        postgres
    }

    /// Starts it, at the same address as before, and waits until it takes connections.
    pub fn begin(&self) {
        let options = format!(
            "--options=-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories= -c fsync=off",
            self.port
        );
        let log = format!("--log={}/log", self.data.display());
        self.run("pg_ctl", &["start", "--wait", "--silent", &log, &options]);
    }

    /// Ends it as an administrator does: whoever is connected is thrown out.
    pub fn end(&self) {
        self.run("pg_ctl", &["stop", "--wait", "--silent", "--mode=fast"]);
    }

    pub fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username("postgres")
            .database("postgres")
    }

    /// Runs one of PostgreSQL's programs. They refuse to run as root.
    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        let mut command = if geteuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let ended = command
            .arg("--pgdata")
            .arg(&self.data)
            .args(arguments)
            .current_dir("/")
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(ended.success(), "{command:?}: {ended}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.data.join("postmaster.pid").exists() {
            self.run("pg_ctl", &["stop", "--wait", "--silent", "--mode=immediate"]);
        }
        std::fs::remove_dir_all(&self.data).ok();
    }
}

/// Where PostgreSQL's programs are: of the newest version, where Debian and the PostgreSQL project put them.
fn postgres_programs() -> PathBuf {
    if let Some(named) = std::env::var_os("UMBRA_PG_BIN") {
        return named.into();
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let newest = versions
        .filter_map(|version| version.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .max();
    match newest {
        Some(version) => format!("/usr/lib/postgresql/{version}/bin").into(),
        None => std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .find(|folder| folder.join("pg_ctl").exists())
            .expect("PostgreSQL is installed: `make test` sees to it"),
    }
}

/// An nginx in front of nodes, set up as `docs/deployment.md` says.
pub struct Nginx {
    child: Child,
    port: u16,
    _folder: Folder,
}

impl Nginx {
    /// One that shares requests among the nodes on these ports.
    pub fn start(nodes: &[u16]) -> Self {
        let (folder, port) = (Folder::new(), free_port());
        let servers: Vec<_> = nodes.iter().map(|node| format!("server 127.0.0.1:{node};\n")).collect();
        let mut documented = documented("nginx").into_iter();
        let (server, upstream) = (documented.next().unwrap(), documented.next().unwrap());
        let own = [
            ("listen 443 ssl;", format!("listen 127.0.0.1:{port};")),
            ("http://127.0.0.1:8000", "http://umbrachat".into()),
        ];
        let server = own.iter().fold(server, |text, (theirs, own)| {
            assert_eq!(text.matches(theirs).count(), 1, "{theirs:?} in {text}");
            text.replace(theirs, own)
        });
        let theirs = "server 10.0.0.1:8000;\n    server 10.0.0.2:8000;\n";
        assert!(upstream.contains(theirs), "{upstream}");
        let upstream = upstream.replace(theirs, &servers.concat());
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {kind};\n"))
            .concat();
        let settings = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr crit;\n\
             events {{}}\nhttp {{\naccess_log off;\n{temporary}{upstream}{server}}}\n"
        );
        std::fs::write(folder.path("nginx.conf"), settings).unwrap();
        let program = Some(Path::new("/usr/sbin/nginx")).filter(|path| path.exists());
        let child = Command::new(program.unwrap_or(Path::new("nginx")))
            .arg("-p")
            .arg(folder.path(""))
            .args(["-c", "nginx.conf", "-e", "stderr"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx is installed: `make test` sees to it");
        Self {
            child,
            port,
            _folder: folder,
        }
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// The examples in one language in `docs/deployment.md`.
fn documented(language: &str) -> Vec<String> {
    let text = include_str!("../../docs/deployment.md");
    let opening = format!("```{language}\n");
    text.split(&opening)
        .skip(1)
        .map(|rest| rest.split_once("```").expect("an example ends").0.to_owned())
        .collect()
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
