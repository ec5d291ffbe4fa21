//! Who PostgreSQL runs as: it refuses to run as root, so root hands it to `postgres`, or else to `nobody`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{ClusterError, Result};

/// A user without rights, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// None for an ordinary user, who runs PostgreSQL as themselves.
pub(super) fn find(data_dir: &Path) -> Result<Option<Owner>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let owner = by_name(&users, "postgres")
        .or_else(|| by_name(&users, "nobody"))
        .ok_or_else(|| {
            ClusterError(
                "PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it".into(),
            )
        })?;
    for dir in data_dir.ancestors() {
        let found = fs::metadata(dir).map_err(|error| ClusterError::io("look at", dir, &error))?;
        if !may_enter(&owner, found.uid(), found.gid(), found.mode()) {
            return Err(ClusterError(format!(
                "DATA_DIR cannot be used: PostgreSQL runs as the user {user}, who cannot enter {dir}: \
                 let others enter it (chmod o+x {dir}), or name another folder; example: DATA_DIR=/srv/umbrachat",
                user = owner.name,
                dir = dir.display()
            )));
        }
    }
    Ok(Some(owner))
}

fn by_name(users: &str, name: &str) -> Option<Owner> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        Some(Owner {
            name: name.to_owned(),
            uid: fields.nth(1)?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
        })
    })
}

fn may_enter(owner: &Owner, uid: u32, gid: u32, mode: u32) -> bool {
    let bit = if uid == owner.uid {
        0o100
    } else if gid == owner.gid {
        0o010
    } else {
        0o001
    };
    mode & bit != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:nobody:/:/usr/sbin/nologin\n";

    #[test]
    fn users_are_found_by_name() {
        assert_eq!(by_name(USERS, "postgres"), None);
        assert_eq!(
            by_name(USERS, "nobody"),
            Some(Owner {
                name: "nobody".into(),
                uid: 65534,
                gid: 65533
            })
        );
        assert_eq!(by_name("nobody:x:none:1::/:\n", "nobody"), None);
    }

    #[test]
    fn entering_goes_by_owner_then_group_then_others() {
        let owner = Owner {
            name: "postgres".into(),
            uid: 101,
            gid: 104,
        };
        assert!(!may_enter(&owner, 0, 0, 0o40700));
        assert!(may_enter(&owner, 0, 0, 0o40711));
        assert!(may_enter(&owner, 0, 104, 0o40710));
        assert!(!may_enter(&owner, 101, 104, 0o40077));
    }
}
