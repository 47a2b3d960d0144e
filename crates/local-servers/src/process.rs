//! Processes: started to die with this one or to outlive it, recognised, measured, ended.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::home::program;
use crate::{Error, Result};

/// How often a condition is looked at again.
pub(crate) const PAUSE: Duration = Duration::from_millis(30);

/// What a server's process is tied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// It dies with this process.
    OfThisProcess,
    /// It lives, away from the terminal, until somebody ends it.
    UntilStopped,
}

/// A user of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: u32,
    pub(crate) group: u32,
}

/// A program, its arguments, and the user that it runs as (`None`: our own).
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) user: Option<User>,
}

impl Invocation {
    /// The command that runs it to its end.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = match self.user {
            Some(user) => {
                let mut command = Command::new(program("setpriv", &[])?);
                command.args(drop_to(user)).arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        command.args(&self.arguments);
        Ok(at_home_nowhere(command))
    }

    fn long_running(&self, lifetime: Lifetime) -> Result<Command> {
        // The small programs named here replace themselves by what they start: the process id stays.
        let mut words: Vec<OsString> = Vec::new();
        let mut privileges: Vec<String> = self.user.map(drop_to).unwrap_or_default();
        if cfg!(target_os = "linux") {
            match lifetime {
                Lifetime::OfThisProcess => {
                    privileges.extend(["--pdeathsig".to_owned(), "KILL".to_owned()]);
                }
                Lifetime::UntilStopped => words.push(program("setsid", &[])?.into()),
            }
            if !privileges.is_empty() {
                words.push(program("setpriv", &[])?.into());
                words.extend(privileges.into_iter().map(OsString::from));
            }
        } else if lifetime == Lifetime::UntilStopped {
            words.push(program("nohup", &[])?.into());
        }
        words.push(self.program.clone().into());
        words.extend(self.arguments.iter().cloned());
        let first = words.remove(0);
        let mut command = Command::new(first);
        command.args(words);
        // A Ctrl-C in the terminal is meant for the owner, who ends its servers when it is done with them.
        // (`setsid` makes a group of its own, and cannot if it leads one already.)
        if !(cfg!(target_os = "linux") && lifetime == Lifetime::UntilStopped) {
            use std::os::unix::process::CommandExt;
            command.process_group(0);
        }
        Ok(at_home_nowhere(command))
    }

    /// Starts it with its output appended to `log`.
    pub(crate) fn start(&self, lifetime: Lifetime, log: &Path) -> Result<Child> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(Error::io(format!("opening the log {}", log.display())))?;
        let twin = file.try_clone().map_err(Error::io(format!("opening the log {}", log.display())))?;
        let mut command = self.long_running(lifetime)?;
        command.stdout(file).stderr(twin);
        spawn_from_lasting_thread(command).map_err(Error::io(format!("starting {}", self.program.display())))
    }
}

fn drop_to(user: User) -> Vec<String> {
    vec![
        "--reuid".to_owned(),
        user.id.to_string(),
        "--regid".to_owned(),
        user.group.to_string(),
        "--clear-groups".to_owned(),
    ]
}

/// The current folder may be closed to the user that the program runs as.
fn at_home_nowhere(mut command: Command) -> Command {
    command.stdin(Stdio::null()).current_dir("/");
    command
}

/// Linux sends the parent-death signal when the *thread* that started the child ends, so a child of a test's
/// own thread would die with that one test. All children are therefore started by one thread that never ends.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::SyncSender<io::Result<Child>>);
    static ORDERS: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<Order>();
        // If the thread cannot be made, the order below finds nobody and says so.
        drop(thread::Builder::new().name("local-servers".to_owned()).spawn(move || {
            for (mut command, answer) in receiver {
                drop(answer.send(command.spawn()));
            }
        }));
        sender
    });
    let gone = || io::Error::other("the thread that starts servers is gone");
    let (answer, child) = mpsc::sync_channel(1);
    orders.send((command, answer)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}

/// A server's process: our child, or one that an earlier process started.
#[derive(Debug)]
pub(crate) enum Process {
    Child(Child),
    Stranger {
        id: u32,
        /// Says that the process is still the one we mean.
        mark: Mark,
    },
}

/// What the command line of one of our servers contains.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    /// The file name of the program.
    pub(crate) program: &'static str,
    /// The server's data folder.
    pub(crate) data: PathBuf,
}

impl Mark {
    /// Whether this is the command line of the server. A process id out of an old record may by now
    /// belong to anything, so nothing is ever signalled before it has been recognised.
    pub(crate) fn is_on(&self, command_line: &str) -> bool {
        let data = self.data.to_string_lossy();
        let program = command_line.split(' ').next().unwrap_or_default();
        Path::new(program).file_name() == Some(self.program.as_ref())
            && command_line.match_indices(data.as_ref()).any(|(at, _)| {
                // `/data/kafka` is not in `/data/kafka-2`.
                command_line[at + data.len()..]
                    .chars()
                    .next()
                    .is_none_or(|next| matches!(next, '/' | ' ' | ',' | ';' | '"'))
            })
    }

    /// Whether the process with this id runs and is the server.
    pub(crate) fn is_on_process(&self, id: u32) -> bool {
        command_line(id).is_some_and(|line| self.is_on(&line))
    }
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        match self {
            Self::Child(child) => child.id(),
            Self::Stranger { id, .. } => *id,
        }
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        match self {
            Self::Child(child) => matches!(child.try_wait(), Ok(None)),
            Self::Stranger { id, mark } => mark.is_on_process(*id),
        }
    }

    /// Sends a signal, if the process is alive and ours.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.is_alive()
            && let Some(pid) = i32::try_from(self.id()).ok().and_then(Pid::from_raw)
        {
            // It may have ended in between: then there is nothing to signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits until the process has ended; `false` if it has not within `patience`.
    pub(crate) async fn ended_within(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() > deadline {
                return false;
            }
            sleep(PAUSE).await;
        }
        true
    }

    /// Ends the process at once, and waits until it and those that it started are gone: a PostgreSQL
    /// whose old sessions still run refuses to start on their data.
    pub(crate) async fn kill(&mut self) {
        let children = children(self.id());
        self.signal(Signal::KILL);
        self.ended_within(Duration::from_secs(10)).await;
        let deadline = Instant::now() + Duration::from_secs(5);
        while children.iter().any(|id| command_line(*id).is_some()) && Instant::now() < deadline {
            sleep(PAUSE).await;
        }
    }
}

/// The command line of a running process, its words joined by spaces. A process that has ended but was
/// not yet collected has none.
pub(crate) fn command_line(id: u32) -> Option<String> {
    let line = if cfg!(target_os = "linux") {
        let bytes = fs::read(format!("/proc/{id}/cmdline")).ok()?;
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    } else {
        ps(&["-o", "command=", "-p", &id.to_string()])?
    };
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// The processes that this one started.
fn children(parent: u32) -> Vec<u32> {
    if cfg!(target_os = "linux") {
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
            .filter(|id| parent_of(*id) == Some(parent))
            .collect()
    } else {
        ps(&["-A", "-o", "pid=,ppid="])
            .unwrap_or_default()
            .lines()
            .filter_map(|line| {
                let mut numbers = line.split_whitespace().map(str::parse::<u32>);
                let (id, its_parent) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
                (its_parent == parent).then_some(id)
            })
            .collect()
    }
}

fn parent_of(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // `12 (a name) S 1 ...`: the name may contain anything, so what follows its last bracket is read.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The memory of a process and of those that it started, in bytes; on Linux pages that they share count once.
pub(crate) fn memory(id: u32) -> Option<u64> {
    let own = memory_of_one(id)?;
    Some(own + children(id).into_iter().filter_map(memory_of_one).sum::<u64>())
}

fn memory_of_one(id: u32) -> Option<u64> {
    let kibibytes: u64 = if cfg!(target_os = "linux") {
        let read = |file: &str, field: &str| -> Option<u64> {
            fs::read_to_string(format!("/proc/{id}/{file}"))
                .ok()?
                .lines()
                .find_map(|line| line.strip_prefix(field))?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        };
        read("smaps_rollup", "Pss:").or_else(|| read("status", "VmRSS:"))?
    } else {
        ps(&["-o", "rss=", "-p", &id.to_string()])?.trim().parse().ok()?
    };
    Some(kibibytes * 1024)
}

fn ps(arguments: &[&str]) -> Option<String> {
    let output = Command::new("ps").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark { program: "mongod", data: PathBuf::from("/repo/.local/data/mongodb") }
    }

    #[test]
    fn a_server_is_recognised_by_its_program_and_its_data() {
        assert!(mark().is_on("/x/mongod --dbpath /repo/.local/data/mongodb --port 27017"));
        assert!(mark().is_on("/x/mongod --config /repo/.local/data/mongodb/config"));
    }

    #[test]
    fn a_foreign_process_is_not_recognised() {
        for line in [
            "",
            "/usr/bin/mongod --dbpath /var/lib/mongodb",
            "/x/mongod --dbpath /repo/.local/data/mongodb-2",
            "tail -f /repo/.local/data/mongodb",
            "tail mongod /repo/.local/data/mongodb",
        ] {
            assert!(!mark().is_on(line), "{line}");
        }
    }

    #[test]
    fn our_own_process_has_a_command_line_memory_and_a_parent() {
        let own = std::process::id();
        assert!(command_line(own).is_some());
        assert!(memory(own).is_some_and(|bytes| bytes > 100_000));
        assert!(children(std::os::unix::process::parent_id()).contains(&own));
    }

    #[tokio::test]
    async fn a_child_is_killed_and_gone() {
        let folder = tempfile::tempdir().unwrap();
        let invocation = Invocation { program: "sleep".into(), arguments: vec!["600".into()], user: None };
        let child = invocation.start(Lifetime::OfThisProcess, &folder.path().join("log")).unwrap();
        let mut process = Process::Child(child);
        assert!(process.is_alive());
        process.kill().await;
        assert!(!process.is_alive());
        assert_eq!(command_line(process.id()), None);
    }
}
