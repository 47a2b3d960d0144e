//! PostgreSQL. Its programs refuse to run as root: as root they run as another user.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tokio_postgres::NoTls;

use super::Site;
use crate::home::{Home, make_folder, program};
use crate::process::{Invocation, User};
use crate::{Error, Kind, Result};

/// The oldest version that the migrations are written for.
const OLDEST: u32 = 15;

pub(super) fn prepare(site: &Site, _: &Home) -> Result<Invocation> {
    let programs = programs()?;
    let user = other_user()?;
    if !site.data.exists() {
        initialise(site, &programs, user)?;
    }
    remove_stale_lock(site)?;
    let mut arguments = vec!["-D".into(), site.data.clone().into()];
    for setting in [
        &format!("port={}", site.port),
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=200",
        "shared_buffers=512MB",
        "fsync=on",
        "max_wal_size=4GB",
        "checkpoint_timeout=15min",
        "autovacuum_naptime=10s",
        "timezone=UTC",
    ] {
        arguments.extend(["-c".into(), setting.into()]);
    }
    Ok(Invocation { program: programs.join("postgres"), arguments, user })
}

/// Makes the data folder beside its place, so that one whose making was cut short is never taken for whole.
fn initialise(site: &Site, programs: &Path, user: Option<User>) -> Result<()> {
    let unfinished = site.data.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(Error::io(format!("removing {}", unfinished.display())))?;
    }
    make_folder(&unfinished)?;
    if let Some(user) = user {
        open_the_way_to(&unfinished)?;
        chown(&unfinished, Some(user.id), Some(user.group))
            .map_err(Error::io(format!("giving {} to another user", unfinished.display())))?;
    }
    let characters = if cfg!(target_os = "linux") { "--lc-ctype=C.UTF-8" } else { "--lc-ctype=en_US.UTF-8" };
    let initdb = Invocation {
        program: programs.join("initdb"),
        arguments: [
            "--username=kassaflow",
            // Only this machine can reach it.
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            characters,
            "--no-sync",
            "--no-instructions",
            "-D",
        ]
        .into_iter()
        .map(Into::into)
        .chain([unfinished.clone().into()])
        .collect(),
        user,
    };
    let output = initdb.command()?.output().map_err(Error::io("running initdb"))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        return Err(Error::Prepare {
            kind: Kind::Postgres,
            status: output.status,
            output: crate::server::last_lines(&String::from_utf8_lossy(&text)),
        });
    }
    fs::rename(&unfinished, &site.data).map_err(Error::io(format!("making {}", site.data.display())))
}

/// After a crash PostgreSQL looks whether the process in its lock file still exists, and takes for its own self what
/// now has that number, or a dead process that nobody has collected (in a container, often). We know better.
fn remove_stale_lock(site: &Site) -> Result<()> {
    let lock = site.data.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&lock) else {
        return Ok(());
    };
    let holder = text.lines().next().and_then(|line| line.trim().parse().ok());
    if holder.is_some_and(|id| site.mark().is_on_process(id)) {
        return Ok(()); // it says so itself, with the number of the process
    }
    fs::remove_file(&lock).map_err(Error::io(format!("removing {}", lock.display())))
}

/// Under a strict umask the folders above the data, which are ours, are closed to the other user.
fn open_the_way_to(folder: &Path) -> Result<()> {
    for part in folder.ancestors().skip(1) {
        let changing = || Error::io(format!("opening {} to other users", part.display()));
        let mut permissions = fs::metadata(part).map_err(changing())?.permissions();
        if permissions.mode() & 0o001 != 0 {
            return Ok(());
        }
        permissions.set_mode(permissions.mode() | 0o011);
        fs::set_permissions(part, permissions).map_err(changing())?;
    }
    Ok(())
}

/// Who the server runs as: nobody else than ourselves, unless we are root.
fn other_user() -> Result<Option<User>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(Error::io("reading /etc/passwd"))?;
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| find_user(&users, name))
        .map(Some)
        .ok_or_else(|| Error::Missing { what: "the user `postgres`".to_owned() })
}

/// `name:password:id:group:...`
fn find_user(users: &str, name: &str) -> Option<User> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        Some(User { id: fields.nth(1)?.parse().ok()?, group: fields.next()?.parse().ok()? })
    })
}

/// The folder of the newest server programs.
fn programs() -> Result<PathBuf> {
    let mut found = Vec::new();
    for (parent, prefix, below) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
    ] {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        found.extend(entries.filter_map(|entry| {
            let name = entry.file_name();
            let version: u32 = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            let folder = entry.path().join(below);
            (version >= OLDEST && folder.join("initdb").is_file()).then_some((version, folder))
        }));
    }
    if let Some((_, folder)) = found.into_iter().max() {
        return Ok(folder);
    }
    let initdb =
        program("initdb", &[]).map_err(|_| Error::Missing { what: format!("PostgreSQL {OLDEST} or newer") })?;
    // A link in /usr/local/bin has `postgres` beside it or behind it.
    let initdb = initdb.canonicalize().unwrap_or(initdb);
    Ok(initdb.parent().map(Path::to_path_buf).unwrap_or_default())
}

/// Runs one query in the database.
pub(super) async fn healthy(url: &str) -> std::result::Result<(), String> {
    run(url, "SELECT 1").await
}

/// Makes the database `kassaflow` at the first start.
pub(super) async fn ready(port: u16) -> std::result::Result<(), String> {
    let url = |database: &str| format!("postgres://kassaflow@127.0.0.1:{port}/{database}");
    let own = url("kassaflow");
    match healthy(&own).await {
        Err(reason) if reason.contains("does not exist") => {
            run(&url("postgres"), "CREATE DATABASE kassaflow").await?;
            healthy(&own).await
        }
        answer => answer,
    }
}

/// Runs a statement on a connection of its own.
pub(super) async fn run(url: &str, statement: &str) -> std::result::Result<(), String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(|error| described(&error))?;
    let work = async {
        let answer = client.batch_execute(statement).await;
        drop(client);
        answer
    };
    let (answer, _) = tokio::join!(work, connection);
    answer.map_err(|error| described(&error))
}

fn described(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let users = "postgres2:x:5:6::/:\npostgres:x:101:104:admin:/var/lib:/bin/sh\n";
        assert_eq!(find_user(users, "postgres"), Some(User { id: 101, group: 104 }));
        assert_eq!(find_user(users, "nobody"), None);
    }
}
