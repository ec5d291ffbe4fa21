//! The embedded default: a private PostgreSQL, real and durable, for whoever did not bring one.
//!
//! What must hold, however the program ends (Ctrl-C, kill -9, power cut):
//!
//! 1. One data directory, one program: [`lock`] refuses a second one.
//! 2. No new PostgreSQL starts on a cluster while a process of an earlier one lives: each of them inherits a lock
//!    as its standard input, which is therefore free only when all are gone.
//! 3. PostgreSQL never outlives the program: the kernel sends it SIGINT when its parent's *thread* dies, so it is
//!    started and watched by the main thread ([`supervise`]).
//! 4. It listens on a socket in a directory of mode 0700 only, and runs as somebody who is not root ([`owner`]).

mod binaries;
mod key_file;
mod lock;
mod owner;
mod supervise;

use std::fmt::Display;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::config::{Config, data_dir};
pub use key_file::key;
pub use supervise::{Postgres, exec_child};

/// The role and the database that `initdb` makes and the program uses.
const ROLE: &str = "umbrachat";
const DATABASE: &str = "postgres";
/// Names the socket file; nothing listens on a network port.
const PORT: u16 = 5432;
/// A socket's path may have 107 bytes on Linux, 103 on macOS; this is for the directory alone.
const SOCKET_DIR_MAX: usize = 80;

/// Why the private database cannot be used: one line for the person who starts the program.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClusterError(String);

impl ClusterError {
    /// What could not be done with a file or folder, and why.
    fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Self(format!("cannot {doing} {}: {error}", path.display()))
    }
}

type Result<T> = std::result::Result<T, ClusterError>;

/// A data directory that this program owns while this value lives.
pub struct PrivateCluster {
    data_dir: PathBuf,
    socket_dir: PathBuf,
    owner: Option<owner::Owner>,
    binaries: binaries::Binaries,
    _lock: fs::File,
}

impl PrivateCluster {
    /// Takes the data directory for this program alone and finds the PostgreSQL programs; nothing runs yet.
    pub fn open(config: &Config) -> Result<Self> {
        let data_dir = make_data_dir(&config.data_dir)?;
        let lock = lock::program(&data_dir)?;
        let owner = owner::find(&data_dir)?;
        let binaries = binaries::find(config.pg_bin.as_deref(), &cluster_dir(&data_dir))?;
        let socket_dir = socket_dir(&data_dir);
        Ok(Self {
            data_dir,
            socket_dir,
            owner,
            binaries,
            _lock: lock,
        })
    }

    /// How to connect to it.
    pub fn connect_options(&self) -> PgConnectOptions {
        connect_options(&self.socket_dir)
    }

    /// What the start line says of it.
    pub fn description(&self) -> String {
        let dir = self.data_dir.display();
        format!(
            "database: private PostgreSQL {}; data directory: {dir}",
            self.binaries.major
        )
    }

    /// Where its files and the key are.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// `initdb` into a folder beside, then a rename: a cluster is either whole or not there.
    fn make_if_missing(&self) -> Result<()> {
        let (ready, new) = (cluster_dir(&self.data_dir), self.data_dir.join("pg.new"));
        if ready.exists() {
            return Ok(());
        }
        let lock = lock::postgres(&self.data_dir)?;
        if new.exists() {
            fs::remove_dir_all(&new).map_err(|error| ClusterError::io("remove", &new, &error))?;
        }
        self.make_private(&new)?;
        tracing::info!(
            "making a private PostgreSQL {} in {}",
            self.binaries.major,
            ready.display()
        );
        let output = supervise::command(&self.binaries.initdb(), self.owner.as_ref())
            .args([
                "--locale=C",
                "--encoding=UTF8",
                "--auth-local=trust",
                "--auth-host=reject",
                "--no-instructions",
            ])
            .arg(format!("--username={ROLE}"))
            .arg("--pgdata")
            .arg(&new)
            .stdin(lock)
            .output()
            .map_err(|error| ClusterError::io("run", &self.binaries.initdb(), &error))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let line = text
                .lines()
                .find(|line| line.contains("error:") || line.contains("FATAL:"));
            let line = line.or(text.lines().next()).unwrap_or("no reason given");
            return Err(ClusterError(format!(
                "initdb failed in {}: {}",
                new.display(),
                line.trim()
            )));
        }
        fs::rename(&new, &ready).map_err(|error| ClusterError::io("rename", &new, &error))?;
        sync_dir(&self.data_dir)
    }

    fn make_socket_dir(&self) -> Result<()> {
        let dir = &self.socket_dir;
        if *dir == cluster_dir(&self.data_dir) {
            return Ok(());
        }
        // Under the temp directory anybody may have put something else in its place.
        if let Ok(found) = fs::symlink_metadata(dir) {
            let uid = self
                .owner
                .as_ref()
                .map_or_else(|| rustix::process::geteuid().as_raw(), |owner| owner.uid);
            if found.is_dir() && found.uid() == uid && found.mode().trailing_zeros() >= 6 {
                return Ok(());
            }
            return Err(ClusterError(format!(
                "{} belongs to somebody else: remove it",
                dir.display()
            )));
        }
        self.make_private(dir)
    }

    /// A new folder, mode 0700, that belongs to whoever PostgreSQL runs as.
    fn make_private(&self, dir: &Path) -> Result<()> {
        fs::DirBuilder::new()
            .mode(0o700)
            .create(dir)
            .map_err(|error| ClusterError::io("make", dir, &error))?;
        match &self.owner {
            Some(owner) => std::os::unix::fs::chown(dir, Some(owner.uid), Some(owner.gid))
                .map_err(|error| ClusterError::io("hand over", dir, &error)),
            None => Ok(()),
        }
    }
}

impl Drop for PrivateCluster {
    fn drop(&mut self) {
        // The one under the temp directory; the cluster's own folder is never empty, and so stays.
        let _ = fs::remove_dir(&self.socket_dir);
    }
}

/// How to reach the private database of a program that runs now, for commands beside it: None when none runs.
pub fn running(config: &Config) -> Option<PgConnectOptions> {
    let data_dir = fs::canonicalize(&config.data_dir).ok()?;
    let socket_dir = socket_dir(&data_dir);
    let in_use = lock::program(&data_dir).is_err() && socket_dir.join(format!(".s.PGSQL.{PORT}")).exists();
    in_use.then(|| connect_options(&socket_dir))
}

fn connect_options(socket_dir: &Path) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_dir)
        .port(PORT)
        .username(ROLE)
        .database(DATABASE)
        .ssl_mode(PgSslMode::Disable)
}

fn make_data_dir(dir: &Path) -> Result<PathBuf> {
    let unusable = |reason: &dyn Display| {
        let dir = dir.display();
        ClusterError(format!(
            "DATA_DIR cannot be used: {dir}: {reason}; example: DATA_DIR=/var/lib/umbrachat"
        ))
    };
    let wrong = |error: &std::io::Error| unusable(error);
    data_dir::make(dir).map_err(|error| wrong(&error))?;
    let dir = fs::canonicalize(dir).map_err(|error| wrong(&error))?;
    rustix::fs::access(&dir, rustix::fs::Access::WRITE_OK).map_err(|error| wrong(&error.into()))?;
    // PostgreSQL and its tools take a line for a path, and where its socket is we say in text.
    if dir.to_str().is_none_or(|path| path.contains(char::is_control)) {
        return Err(unusable(&"the path is not one line of readable text (UTF-8)"));
    }
    Ok(dir)
}

fn cluster_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("pg")
}

/// The cluster's own folder, or, when its path is too long for a socket, a short one under the temp directory that
/// is always the same for the same data directory.
fn socket_dir(data_dir: &Path) -> PathBuf {
    let dir = cluster_dir(data_dir);
    if dir.as_os_str().len() <= SOCKET_DIR_MAX {
        return dir;
    }
    let digest = Sha256::digest(data_dir.as_os_str().as_bytes());
    let name = digest
        .iter()
        .take(8)
        .fold(0_u64, |name, byte| name << 8 | u64::from(*byte));
    std::env::temp_dir().join(format!("umbrachat-{name:016x}"))
}

/// Makes a rename in `dir` survive a power cut.
fn sync_dir(dir: &Path) -> Result<()> {
    let synced = fs::File::open(dir).and_then(|file| file.sync_all());
    synced.map_err(|error| ClusterError::io("write", dir, &error))
}
