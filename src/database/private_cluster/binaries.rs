//! Finds `postgres` and `initdb`, in a version that fits the data.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{ClusterError, Result};

/// The oldest version whose SQL the program uses.
const OLDEST: u32 = 15;

/// The folder of one installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    pub(super) fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }
}

/// The installed PostgreSQL to use: the one that made the data in `cluster`, or the newest if there are none yet.
pub(super) fn find(given: Option<&Path>, cluster: &Path) -> Result<Binaries> {
    let dirs = given.map_or_else(candidates, |dir| vec![dir.to_owned()]);
    let found: Vec<_> = dirs.into_iter().filter_map(inspect).collect();
    let made_by = fs::read_to_string(cluster.join("PG_VERSION"))
        .ok()
        .and_then(|text| text.trim().parse().ok());
    choose(&found, made_by).cloned().map_err(ClusterError)
}

fn choose(found: &[Binaries], made_by: Option<u32>) -> std::result::Result<&Binaries, String> {
    let newest = found.iter().max_by_key(|binaries| binaries.major);
    match (made_by, newest) {
        (Some(major), Some(newest)) => found.iter().find(|binaries| binaries.major == major).ok_or_else(|| {
            format!(
                "the data were made by PostgreSQL {major}, but only {} is installed: install it (Debian: apt-get \
                 install postgresql-{major}) or name its folder in UMBRA_PG_BIN",
                newest.major
            )
        }),
        (None, Some(newest)) if newest.major >= OLDEST => Ok(newest),
        (None, Some(newest)) => Err(format!(
            "PostgreSQL {} is too old: UmbraChat needs {OLDEST} or newer, or DATABASE_URL",
            newest.major
        )),
        (_, None) => Err(
            "PostgreSQL is not installed: install it (Debian: apt-get install postgresql; macOS: brew \
                          install postgresql), or name a running one in DATABASE_URL"
                .into(),
        ),
    }
}

/// Where PostgreSQL's programs are usually found.
fn candidates() -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = std::env::var_os("PATH")
        .iter()
        .flat_map(std::env::split_paths)
        .collect();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        dirs.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    // Debian; the PostgreSQL project's own packages; Homebrew on Apple silicon and Intel.
    for parent in ["/usr/lib/postgresql", "/usr", "/opt/homebrew/opt", "/usr/local/opt"] {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        dirs.extend(entries.map(|entry| entry.path().join("bin")));
    }
    dirs
}

/// The folder's PostgreSQL, if it holds one that runs.
fn inspect(dir: PathBuf) -> Option<Binaries> {
    if !dir.join("initdb").is_file() || !dir.join("postgres").is_file() {
        return None;
    }
    let output = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
    let major = major(&String::from_utf8_lossy(&output.stdout))?;
    Some(Binaries { dir, major })
}

/// The major version in a line like `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major(line: &str) -> Option<u32> {
    let version = line.split(") ").nth(1)?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(majors: &[u32]) -> Vec<Binaries> {
        majors
            .iter()
            .map(|&major| Binaries {
                dir: format!("/pg/{major}").into(),
                major,
            })
            .collect()
    }

    #[test]
    fn versions_are_read_from_the_line() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("something else"), None);
    }

    #[test]
    fn data_get_the_version_that_made_them_and_new_data_the_newest() {
        let both = installed(&[15, 17]);
        assert_eq!(choose(&both, None).unwrap().major, 17);
        assert_eq!(choose(&both, Some(15)).unwrap().major, 15);
        assert!(choose(&both, Some(16)).unwrap_err().contains("postgresql-16"));
        assert!(choose(&installed(&[13]), None).unwrap_err().contains("too old"));
        assert!(choose(&[], None).unwrap_err().contains("DATABASE_URL"));
    }
}
