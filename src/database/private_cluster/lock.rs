//! Two locks in the data directory. The kernel frees a lock when the last process that holds the file ends,
//! however it ends, so nothing is ever left behind.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{ClusterError, Result};

/// How long a start waits for the PostgreSQL of a program that was killed.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Takes the lock of the program itself; a second program on the same data is refused at once.
pub(super) fn program(data_dir: &Path) -> Result<File> {
    let (file, path) = open(data_dir, "umbrachat.lock")?;
    match file.try_lock() {
        Ok(()) => {
            // For whoever looks at the file; the lock itself is what counts.
            let _ = file.set_len(0).and_then(|()| writeln!(&file, "{}", std::process::id()));
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let holder = std::fs::read_to_string(&path).unwrap_or_default();
            let holder = holder
                .trim()
                .parse::<u32>()
                .map(|pid| format!(" (process {pid})"))
                .unwrap_or_default();
            Err(ClusterError(format!(
                "{} is in use by another running instance{holder}",
                data_dir.display()
            )))
        }
        Err(TryLockError::Error(error)) => Err(ClusterError::io("lock", &path, &error)),
    }
}

/// Takes the lock that every process of the cluster inherits. Waits for what is left of an earlier one, which ends by
/// itself within moments of the death of its program.
pub(super) fn postgres(data_dir: &Path) -> Result<File> {
    let (file, path) = open(data_dir, "postgres.lock")?;
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_TIMEOUT => std::thread::sleep(RETRY_PAUSE),
            Err(TryLockError::WouldBlock) => {
                let dir = data_dir.display();
                return Err(ClusterError(format!(
                    "a PostgreSQL of an earlier run still works in {dir} and does not end"
                )));
            }
            Err(TryLockError::Error(error)) => return Err(ClusterError::io("lock", &path, &error)),
        }
    }
}

fn open(data_dir: &Path, name: &str) -> Result<(File, std::path::PathBuf)> {
    let path = data_dir.join(name);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path);
    file.map(|file| (file, path.clone()))
        .map_err(|error| ClusterError::io("open", &path, &error))
}
