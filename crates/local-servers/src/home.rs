//! The repository and what lies in its `.local` folder.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::{Error, Kind, Result};

/// The repository whose `.local` folder holds downloads, data and logs.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The repository of `KASSAFLOW_HOME`, or the one around the current folder.
    ///
    /// # Errors
    /// [`Error::NoRepository`] if there is none.
    pub fn find() -> Result<Self> {
        if let Some(root) = env::var_os("KASSAFLOW_HOME").filter(|value| !value.is_empty()) {
            return Self::at(Path::new(&root));
        }
        let current = env::current_dir().map_err(Error::io("the current folder"))?;
        current
            .ancestors()
            .find(|folder| {
                fs::read_to_string(folder.join("Cargo.toml"))
                    .is_ok_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
            })
            .ok_or(Error::NoRepository)
            .and_then(Self::at)
    }

    /// The repository at `root`.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no such folder.
    pub fn at(root: &Path) -> Result<Self> {
        // One spelling of the path: a process is recognised by it later.
        let root = root.canonicalize().map_err(Error::io(format!("the repository {}", root.display())))?;
        Ok(Self { root })
    }

    /// The repository's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn local(&self) -> PathBuf {
        self.root.join(".local")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.local().join("logs")
    }

    /// A download of the setup script.
    pub(crate) fn download(&self, path: &str) -> Result<PathBuf> {
        let full = self.local().join("downloads").join(path);
        if full.exists() { Ok(full) } else { Err(Error::Missing { what: full.display().to_string() }) }
    }

    /// The folder under which a kind of server keeps its data: `.local`, unless the server has to run as
    /// another user who cannot get there.
    pub(crate) fn area(&self, kind: Kind) -> Result<PathBuf> {
        let local = self.local();
        let as_other_user = kind == Kind::Postgres && rustix::process::geteuid().is_root();
        if !as_other_user || others_may_pass(&self.root) {
            return Ok(local);
        }
        let name = self.root.to_string_lossy().replace('/', "-");
        let area = PathBuf::from(format!("/var/tmp/kassaflow{name}"));
        fs::create_dir_all(&area).map_err(Error::io(format!("making {}", area.display())))?;
        // Anyone may make a folder in /var/tmp: only our own will do.
        let owner = fs::symlink_metadata(&area).map_err(Error::io(format!("reading {}", area.display())))?;
        if owner.is_dir() && owner.uid() == rustix::process::geteuid().as_raw() {
            Ok(area)
        } else {
            Err(Error::Io {
                action: format!("using {}", area.display()),
                source: std::io::Error::other("it belongs to another user"),
            })
        }
    }
}

/// Whether a user without rights of its own can reach the folder.
fn others_may_pass(folder: &Path) -> bool {
    folder.ancestors().all(|part| fs::metadata(part).is_ok_and(|meta| meta.mode() & 0o001 != 0))
}

/// Makes a folder and all above it.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::io(format!("making the folder {}", path.display())))
}

/// A program on `PATH`, or in one of the folders named.
pub(crate) fn program(name: &str, folders: &[PathBuf]) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    folders
        .iter()
        .cloned()
        .chain(env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| Error::Missing { what: format!("the program `{name}`") })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_missing_download_says_how_to_get_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = Home::at(folder.path()).unwrap().download("kafka").unwrap_err();
        assert!(error.to_string().ends_with("run `make setup`"), "{error}");
    }

    #[test]
    fn a_private_folder_is_not_passable_for_others() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!others_may_pass(folder.path()));
        assert!(others_may_pass(Path::new("/usr")));
    }
}
