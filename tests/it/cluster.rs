//! The program as real processes, which tests stop, kill and freeze.

use std::net::TcpListener;
use std::time::Duration;

use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};

use crate::page::{Crowd, Page};
use crate::program::{Folder, Server as Program, command};
use crate::services::{Nginx, shared_redis};
use crate::support::{Person, account};

/// How often a page of a crowd writes: in a debug build, two nodes keep up with a few of these.
pub const PACE: Duration = Duration::from_millis(60);
/// What a node may take at its peak, whatever happens around it: a debug build with a dozen pages.
const MEMORY: usize = 160 << 20;

/// The program on one database, once or several times.
pub struct Nodes {
    folder: Folder,
    pub pool: PgPool,
    settings: Vec<(&'static str, String)>,
    ports: Vec<u16>,
    pub running: Vec<Option<Program>>,
    /// A proxy in front of all nodes, if there is one: then nobody speaks to them directly.
    proxy: Option<Nginx>,
}

impl Nodes {
    pub async fn start(count: usize, options: PgConnectOptions) -> Self {
        Self::start_behind(count, options, false).await
    }

    /// The same behind nginx.
    pub async fn start_behind_nginx(count: usize, options: PgConnectOptions) -> Self {
        Self::start_behind(count, options, true).await
    }

    async fn start_behind(count: usize, options: PgConnectOptions, proxied: bool) -> Self {
        // All at once, so that they differ.
        let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<_> = listeners.iter().map(|one| one.local_addr().unwrap().port()).collect();
        let mut settings = vec![
            ("DATABASE_URL", options.to_url_lossy().into()),
            ("UMBRA_KEYS", umbrachat::config::master_keys::generate()),
            ("MESSAGE_RATE", "10000".into()),
            ("SOCKETS_PER_USER", "1000".into()),
            ("AUTH_RATE", "10000".into()),
            ("RUST_LOG", "error".into()),
        ];
        if count > 1 {
            settings.push(("REDIS_URL", shared_redis()));
        }
        let proxy = proxied.then(|| Nginx::start(&ports));
        if let Some(proxy) = &proxy {
            settings.push(("PUBLIC_URL", proxy.address()));
            settings.push(("TRUSTED_PROXIES", "127.0.0.1".into()));
        }
        drop(listeners);
        let mut nodes = Self {
            folder: Folder::new(),
            pool: PgPoolOptions::new()
                .max_connections(2)
                .connect_with(options)
                .await
                .unwrap(),
            settings,
            ports,
            running: (0..count).map(|_| None).collect(),
            proxy,
        };
        for node in 0..count {
            nodes.begin(node);
        }
        nodes
    }

    /// Starts a node, at the same address as before.
    pub fn begin(&mut self, node: usize) {
        let mut program = command(&self.folder, &[]);
        program
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .env("LISTEN", format!("127.0.0.1:{}", self.ports[node]));
        self.running[node] = Some(Program::spawn(&mut program, &self.folder.path("data")));
    }

    pub fn signal(&self, node: usize, signal: Signal) {
        kill_process(self.pid(node), signal).unwrap();
    }

    pub fn pid(&self, node: usize) -> Pid {
        self.running[node].as_ref().unwrap().pid()
    }

    /// Asks a node to end, as whoever watches it does, and waits for it.
    pub async fn end(&mut self, node: usize) {
        self.signal(node, Signal::TERM);
        let mut program = self.running[node].take().unwrap();
        // Its pages live in this process too: they must be able to say goodbye meanwhile.
        let ended = tokio::task::spawn_blocking(move || program.wait()).await.unwrap();
        assert!(ended.success(), "{ended}");
    }

    /// Where people find this node.
    pub fn address(&self, node: usize) -> String {
        match &self.proxy {
            Some(proxy) => proxy.address(),
            None => format!("http://127.0.0.1:{}", self.ports[node]),
        }
    }

    /// The administrator and others, all in the room General.
    pub async fn people(&self, names: &[&'static str]) -> Vec<Person> {
        let code = self.running.last().unwrap().as_ref().unwrap().line();
        let code = code.rsplit_once("code=").expect("the setup address").1.to_owned();
        let address = self.address(0);
        let mut ada = Person::new(&address);
        let answer = ada.post("/setup", &account("ada", &[("code", &code)])).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        ada.name = "ada".into();
        ada.make_room("General").await;
        ada.join("General").await;
        let mut people = vec![ada];
        for &name in names {
            let mut person = Person::new(&address);
            let answer = person.post("/accounts/signup", &account(name, &[])).await;
            assert_eq!(answer.status(), StatusCode::SEE_OTHER);
            person.name = name.into();
            person.join("General").await;
            people.push(person);
        }
        people
    }

    /// People who write, each beginning on another node and then trying all of them.
    pub async fn crowd(&self, pace: Duration) -> Crowd {
        let mut crowd = Crowd::new("General");
        for (number, person) in self.people(&["ben", "cem", "dee"]).await.into_iter().enumerate() {
            let mut nodes: Vec<_> = (0..self.ports.len()).map(|node| self.address(node)).collect();
            nodes.rotate_left(number % self.ports.len());
            let nodes: Vec<_> = nodes.iter().map(String::as_str).collect();
            crowd.add(Page::load(person, "General", &nodes).await, Some(pace));
        }
        crowd
    }

    /// As [`Crowd::finish`], with many messages, and no node has taken much memory.
    pub async fn finish(&self, crowd: Crowd) -> Vec<Page> {
        let (pages, messages) = crowd.finish(&self.pool).await;
        assert!(messages > 50, "{messages}");
        self.assert_small();
        pages
    }

    pub fn assert_small(&self) {
        for node in 0..self.running.len() {
            let peak = memory(self.pid(node), "VmHWM:");
            assert!(peak < MEMORY, "node {node} took {} MiB", peak >> 20);
        }
    }
}

/// Bytes of memory of a process: `VmRSS:` what it has, `VmHWM:` the most that it has had.
pub fn memory(pid: Pid, which: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}
