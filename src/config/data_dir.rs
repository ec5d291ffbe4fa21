//! The folder of what the program keeps. Several parts have folders in it, and any of them may be the first.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Config;

impl Config {
    /// A folder in [`Config::data_dir`] that nobody else may look into; it is made where it is missing.
    pub fn own_folder(&self, name: &str) -> io::Result<PathBuf> {
        make(&self.data_dir)?;
        let folder = self.data_dir.join(name);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(folder)
    }
}

/// Makes the folder itself where it is missing. Root's PostgreSQL runs as another user, who must be able to enter; what is
/// inside has its own modes.
pub fn make(dir: &Path) -> io::Result<()> {
    let is_new = !dir.exists();
    fs::create_dir_all(dir)?;
    if is_new {
        let is_root = rustix::process::geteuid().is_root();
        let mode = if is_root { 0o711 } else { 0o700 };
        fs::set_permissions(dir, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}
