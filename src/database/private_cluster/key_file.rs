//! The master key of the embedded default: made once, kept beside the data, readable by its owner only.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::{ClusterError, Result, cluster_dir, sync_dir};
use crate::config::{Secret, master_keys};

/// The keys in the data directory's file `keys`, one a line or comma-separated; a new one is made for new data.
///
/// Ask for it before the cluster is made: data without their key are never taken for new.
pub fn key(data_dir: &Path) -> Result<Secret> {
    let path = data_dir.join("keys");
    match fs::read_to_string(&path) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            let keys: Vec<_> = text
                .split([',', '\n'])
                .map(str::trim)
                .filter(|key| !key.is_empty())
                .collect();
            let keys = Secret::new(keys.join(","));
            if master_keys::parse(keys.expose()).is_err() {
                return Err(ClusterError(format!(
                    "{} does not hold a Fernet key: put it back from a copy",
                    path.display()
                )));
            }
            Ok(keys)
        }
        Err(error) if error.kind() == ErrorKind::NotFound && cluster_dir(data_dir).exists() => {
            Err(ClusterError(format!(
                "{} is missing, and without it the messages cannot be read: put it back from a copy, or set UMBRA_KEYS",
                path.display()
            )))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => make(data_dir, &path),
        Err(error) => Err(ClusterError::io("read", &path, &error)),
    }
}

/// Written whole and synced before it gets its name: a power cut leaves a good key or none.
fn make(data_dir: &Path, path: &Path) -> Result<Secret> {
    let key = Secret::new(master_keys::generate());
    let new = data_dir.join("keys.new");
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| {
            writeln!(file, "{}", key.expose())?;
            file.sync_all()
        });
    written
        .and_then(|()| fs::rename(&new, path))
        .map_err(|error| ClusterError::io("write", path, &error))?;
    sync_dir(data_dir)?;
    Ok(key)
}
