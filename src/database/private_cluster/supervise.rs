//! Starts PostgreSQL, waits until it is ready, starts it again when it dies, and ends it.
//!
//! All of this runs on the main thread: the kernel's "parent died" signal follows the thread that started the child.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getppid, kill_process};

use super::owner::Owner;
use super::{ClusterError, PORT, PrivateCluster, Result, cluster_dir, lock};

/// How often a child is looked at. `wait` would block, and a waiting thread could not signal it without a race
/// between its end and the reuse of its number.
const POLL_PAUSE: Duration = Duration::from_millis(50);
/// Recovery after a kill reads the log since the last checkpoint, which takes seconds, rarely minutes.
const READY_TIMEOUT: Duration = Duration::from_secs(300);
/// How long an orderly end may take before it is forced; a forced end loses nothing, it costs a recovery.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause before PostgreSQL is started again, doubled each time it dies soon after.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Whoever lived this long starts again with the short pause.
const SETTLED: Duration = Duration::from_secs(60);

/// A running PostgreSQL of our own.
pub struct Postgres {
    child: Child,
    started: Instant,
    /// The last line of PostgreSQL's that said why it cannot go on.
    last_words: Arc<Mutex<String>>,
}

impl PrivateCluster {
    /// Makes the cluster if there is none, starts PostgreSQL and waits until it takes connections.
    pub fn start(&self) -> Result<Postgres> {
        self.make_if_missing()?;
        self.make_socket_dir()?;
        let mut postgres = self.spawn()?;
        self.wait_until_ready(&mut postgres).inspect_err(|_| postgres.stop())?;
        Ok(postgres)
    }

    /// Keeps PostgreSQL running until `stop` is told or dropped, then ends it in an orderly way.
    pub fn supervise(&self, postgres: Postgres, stop: &Receiver<Infallible>) {
        let mut running = Some(postgres);
        let mut pause = BACK_OFF.0 / 2;
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(if running.is_some() { POLL_PAUSE } else { pause })
        {
            if let Some(postgres) = &mut running {
                let Some(status) = postgres.ended() else { continue };
                pause = if postgres.started.elapsed() > SETTLED {
                    BACK_OFF.0
                } else {
                    (pause * 2).min(BACK_OFF.1)
                };
                tracing::error!(%status, "the private PostgreSQL ended by itself: starting it again in {pause:?}");
                running = None;
            } else {
                running = self.start().inspect_err(|error| tracing::error!("{error}")).ok();
                if running.is_some() {
                    tracing::info!("the private PostgreSQL runs again");
                } else {
                    pause = (pause * 2).min(BACK_OFF.1);
                }
            }
        }
        if let Some(mut postgres) = running {
            postgres.stop();
        }
    }

    fn spawn(&self) -> Result<Postgres> {
        let dir = cluster_dir(&self.data_dir);
        let lock = lock::postgres(&self.data_dir)?;
        // Under the lock nobody is left whom these could belong to; their process number may be anybody's by now.
        for stale in [
            dir.join("postmaster.pid"),
            self.socket_dir.join(format!(".s.PGSQL.{PORT}.lock")),
        ] {
            match fs::remove_file(&stale) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(ClusterError::io("remove", &stale, &error));
                }
                _ => {}
            }
        }
        let program = self.binaries.postgres();
        // A list, in which a quoted path may hold a comma.
        let socket_dir = self.socket_dir.display().to_string().replace('"', "\"\"");
        let mut child = command(&program, self.owner.as_ref())
            .arg("-D")
            .arg(&dir)
            .args([
                "-c",
                &format!("unix_socket_directories=\"{socket_dir}\""),
                "-c",
                &format!("port={PORT}"),
                "-c",
                "listen_addresses=",
                "-c",
                "unix_socket_permissions=0700",
            ])
            .args([
                "-c",
                "log_destination=stderr",
                "-c",
                "logging_collector=off",
                "-c",
                "log_line_prefix=",
            ])
            .args(["-c", "jit=off"])
            // The details of an error quote rows, and statements go to our own log without their values.
            .args(["-c", "log_error_verbosity=terse", "-c", "log_min_error_statement=panic"])
            .stdin(lock)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Of its own, so that Ctrl-C in a terminal reaches us alone and we end it after the last connection.
            .process_group(0)
            .spawn()
            .map_err(|error| ClusterError::io("run", &program, &error))?;
        let last_words = Arc::default();
        if let Some(stderr) = child.stderr.take() {
            let last_words = Arc::clone(&last_words);
            std::thread::spawn(move || log(stderr, &last_words));
        }
        Ok(Postgres {
            child,
            started: Instant::now(),
            last_words,
        })
    }

    fn wait_until_ready(&self, postgres: &mut Postgres) -> Result<()> {
        let pid_file = cluster_dir(&self.data_dir).join("postmaster.pid");
        while postgres.started.elapsed() < READY_TIMEOUT {
            if let Some(status) = postgres.ended() {
                // Its last line may still be on the way through the pipe.
                std::thread::sleep(POLL_PAUSE);
                let words = postgres.last_words.lock().unwrap_or_else(PoisonError::into_inner);
                let words = if words.is_empty() {
                    status.to_string()
                } else {
                    words.clone()
                };
                return Err(ClusterError(format!("the private PostgreSQL did not start: {words}")));
            }
            if is_ready(&pid_file, postgres.child.id()) {
                return Ok(());
            }
            std::thread::sleep(POLL_PAUSE);
        }
        Err(ClusterError(format!(
            "the private PostgreSQL was not ready after {READY_TIMEOUT:?}"
        )))
    }
}

impl Postgres {
    /// Its exit status, once it ended.
    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends it: connections are cut, what is committed is written, the files are left clean.
    pub fn stop(&mut self) {
        for signal in [Signal::INT, Signal::QUIT, Signal::KILL] {
            if self.ended().is_some() || kill_process(Pid::from_child(&self.child), signal).is_err() {
                return;
            }
            let asked = Instant::now();
            while asked.elapsed() < STOP_TIMEOUT {
                if self.ended().is_some() {
                    return;
                }
                std::thread::sleep(POLL_PAUSE);
            }
            tracing::warn!("the private PostgreSQL does not end: asking harder");
        }
    }
}

/// The postmaster writes its state into the eighth line of its file, as `pg_ctl` reads it.
fn is_ready(pid_file: &Path, pid: u32) -> bool {
    let text = fs::read_to_string(pid_file).unwrap_or_default();
    let mut lines = text.lines().map(str::trim);
    lines.next() == Some(&pid.to_string()) && lines.nth(6) == Some("ready")
}

/// Passes PostgreSQL's own log on. What goes wrong on a connection its client hears anyway, so only what takes all of
/// them down is loud.
fn log(stderr: impl Read, last_words: &Mutex<String>) {
    // It quotes in the database's encoding, and what it quotes from elsewhere may have any.
    for line in BufReader::new(stderr).split(b'\n').map_while(std::result::Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.starts_with("PANIC:") {
            tracing::error!(target: "postgres", "{line}");
        } else {
            tracing::debug!(target: "postgres", "{line}");
        }
        if line.starts_with("FATAL:") || line.starts_with("PANIC:") {
            *last_words.lock().unwrap_or_else(PoisonError::into_inner) = line;
        }
    }
}

/// `program` as a child that runs as `owner` and dies with this thread: through this program's own hidden command
/// `child`, which sets both and then becomes `program`. Its environment is empty but for the paths: ours holds secrets.
pub(super) fn command(program: &Path, owner: Option<&Owner>) -> Command {
    // On Linux this stays the running program even when a newer one took its place on disk.
    let ourselves = if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        std::env::current_exe().unwrap_or_else(|_| "umbrachat".into())
    };
    let mut command = Command::new(ourselves);
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.arg("child").arg(format!("--parent={}", std::process::id()));
    if let Some(owner) = owner {
        command
            .arg(format!("--uid={}", owner.uid))
            .arg(format!("--gid={}", owner.gid));
    }
    command.arg("--").arg(program);
    command
}

/// The hidden command `child`: gives up root for `user` (uid and gid), asks the kernel for SIGINT when `parent` dies,
/// and becomes `program`. Returns only when that failed.
pub fn exec_child(user: Option<(u32, u32)>, parent: u32, program: &[OsString]) -> ClusterError {
    let Some((name, arguments)) = program.split_first() else {
        return ClusterError("no program to run".into());
    };
    match prepare(user, parent) {
        Ok(()) => ClusterError::io("run", Path::new(name), &Command::new(name).args(arguments).exec()),
        Err(error) => ClusterError(format!("cannot prepare {}: {error}", Path::new(name).display())),
    }
}

#[cfg(target_os = "linux")]
fn prepare(user: Option<(u32, u32)>, parent: u32) -> std::io::Result<()> {
    use rustix::process::{Gid, Uid, set_parent_process_death_signal};
    use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

    // This process has one thread, so what holds for the thread holds for all of it.
    if let Some((uid, gid)) = user {
        set_thread_groups(&[])?;
        set_thread_gid(Gid::from_raw(gid))?;
        set_thread_uid(Uid::from_raw(uid))?;
    }
    // After the change of user, which clears it.
    set_parent_process_death_signal(Some(Signal::INT))?;
    // The parent may have died before that line.
    if getppid().is_some_and(|pid| pid.as_raw_pid().unsigned_abs() == parent) {
        Ok(())
    } else {
        Err(std::io::Error::other("the program that started it is gone"))
    }
}

/// Elsewhere there is no such signal: a killed program leaves PostgreSQL running until the next start ends it by hand.
#[cfg(not(target_os = "linux"))]
fn prepare(user: Option<(u32, u32)>, _parent: u32) -> std::io::Result<()> {
    match user {
        None => Ok(()),
        Some(_) => Err(std::io::Error::other("run it as an ordinary user, not as root")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_utf8_does_not_end_the_log() {
        let words = Mutex::default();
        log(&b"LOG:  \xe4\xf6\xfc\nFATAL:  no \xe4\nLOG:  bye\n"[..], &words);
        assert_eq!(words.into_inner().unwrap(), "FATAL:  no \u{fffd}");
    }
}
