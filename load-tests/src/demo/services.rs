//! The services as processes of their own, started again when they end.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};

use crate::{
    demo::stage::{DATABASE, Stage, free_address},
    fleet::status_of,
    processes::{Account, Usage, usage},
};

/// The services in the order of the road.
pub const SERVICES: [&str; 5] = ["hub-ingest", "normalizer", "receipt-writer", "product-upserter", "stoplist-syncer"];

/// A service that ended by itself is left alone for so long.
const PAUSE: Duration = Duration::from_secs(1);

/// All services.
#[derive(Debug)]
pub struct Services {
    /// Where the hub listens, `host:port`.
    pub hub: String,
    programs: PathBuf,
    logs: PathBuf,
    environment: Vec<(String, String)>,
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    name: &'static str,
    admin: String,
    child: Option<Child>,
    start_at: Instant,
    used: Account,
    /// Ends that nobody asked for.
    ends: u32,
}

impl Services {
    /// Starts all services. `extra` is put over their environment.
    ///
    /// # Errors
    /// When one cannot be started.
    pub fn start(stage: &Stage, extra: &[(String, String)]) -> anyhow::Result<Self> {
        let hub = free_address()?;
        let mut environment: Vec<(String, String)> =
            stage.endpoints.service_env().map(|(name, value)| (name.to_owned(), value)).to_vec();
        let settings = [
            ("KASSAFLOW_HTTP_LISTEN", hub.clone()),
            ("KASSAFLOW_TOKEN_KEYS", stage.token_keys.clone()),
            ("KASSAFLOW_MONGODB_DATABASE", DATABASE.to_owned()),
            ("KASSAFLOW_IIKO_BASE_URL", stage.iiko.base_url()),
            ("KASSAFLOW_IIKO_LOGINS_FILE", stage.logins_file.display().to_string()),
            ("KASSAFLOW_STOP_LISTS_PERIOD_SECONDS", "2".to_owned()),
            ("KASSAFLOW_STOP_LISTS_STARTUP_SPREAD_SECONDS", "1".to_owned()),
            ("KASSAFLOW_STOP_LISTS_CONFIRM_AFTER_SECONDS", "1".to_owned()),
            ("KASSAFLOW_LOG_FORMAT", "human".to_owned()),
        ];
        environment.extend(settings.map(|(name, value)| (name.to_owned(), value)));
        environment.extend_from_slice(extra);
        let logs = stage.folder.join("logs");
        std::fs::create_dir_all(&logs)?;
        let mut services = Self { hub, programs: stage.programs()?, logs, environment, running: Vec::new() };
        for name in SERVICES {
            File::create(services.log_of(name))?;
            let admin = free_address()?;
            let child = services.spawn(name, &admin)?;
            let (start_at, used) = (Instant::now(), Account::default());
            services.running.push(Running { name, admin, child: Some(child), start_at, used, ends: 0 });
        }
        Ok(services)
    }

    /// Waits until all are ready.
    ///
    /// # Errors
    /// When one is not in time, or ends.
    pub async fn ready(&mut self, longest: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + longest;
        for index in 0..self.running.len() {
            while !self.is_ready(index).await {
                let (name, ends) = (self.running[index].name, self.running[index].ends);
                if Instant::now() > end || ends > 0 {
                    let log = self.log_of(name);
                    bail!("{name} is not ready; what it says: {}\n{}", log.display(), tail(&log));
                }
                self.supervise()?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Starts again what has ended, and notes what the processes have used. Returns the names of those that ended by themselves.
    ///
    /// # Errors
    /// When a program cannot be started.
    pub fn supervise(&mut self) -> anyhow::Result<Vec<&'static str>> {
        let mut ended = Vec::new();
        for index in 0..self.running.len() {
            let running = &mut self.running[index];
            match running.child.as_mut().map(Child::try_wait).transpose()? {
                Some(None) => running.note_usage(),
                Some(Some(_)) => {
                    running.child = None;
                    running.ends += 1;
                    running.start_at = Instant::now() + PAUSE;
                    ended.push(running.name);
                }
                None if running.start_at <= Instant::now() => {
                    let (name, admin) = (running.name, running.admin.clone());
                    self.running[index].child = Some(self.spawn(name, &admin)?);
                }
                None => {}
            }
        }
        Ok(ended)
    }

    /// Ends a service with SIGKILL and starts it again at once.
    ///
    /// # Errors
    /// When there is no such service, or it cannot be started.
    pub async fn kill(&mut self, name: &str) -> anyhow::Result<()> {
        let index = self.index(name)?;
        let running = &mut self.running[index];
        running.note_usage();
        if let Some(mut child) = running.child.take() {
            child.kill().await?;
        }
        let (name, admin) = (running.name, running.admin.clone());
        self.running[index].child = Some(self.spawn(name, &admin)?);
        Ok(())
    }

    /// Whether a service answers that it is ready.
    ///
    /// # Errors
    /// When there is no such service.
    pub async fn answers(&self, name: &str) -> anyhow::Result<bool> {
        Ok(self.is_ready(self.index(name)?).await)
    }

    /// Name, usage and unasked ends of each service.
    #[must_use]
    pub fn usages(&self) -> Vec<(&'static str, Usage, u32)> {
        self.running.iter().map(|running| (running.name, running.used.sum(), running.ends)).collect()
    }

    /// Name and admin address of each service.
    #[must_use]
    pub fn admins(&self) -> Vec<(&'static str, &str)> {
        self.running.iter().map(|running| (running.name, &*running.admin)).collect()
    }

    /// Environment that the services were started with, secrets included.
    #[must_use]
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    fn index(&self, name: &str) -> anyhow::Result<usize> {
        self.running
            .iter()
            .position(|running| running.name == name)
            .with_context(|| format!("there is no service {name}"))
    }

    async fn is_ready(&self, index: usize) -> bool {
        status_of(&self.running[index].admin, "/readyz").await == Some(200)
    }

    fn log_of(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    fn spawn(&self, name: &str, admin: &str) -> anyhow::Result<Child> {
        let program = self.programs.join(name);
        let log = OpenOptions::new().append(true).create(true).open(self.log_of(name))?;
        let mut command = dying_with_us();
        // All share one machine here. Who answers the registers goes first; what waits in Kafka can wait.
        if name != SERVICES[0] {
            command.args(["nice", "-n", "15"]);
        }
        command.arg(&program);
        command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("KASSAFLOW_ADMIN_LISTEN", admin)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        command.spawn().with_context(|| format!("starting {}", program.display()))
    }
}

impl Running {
    fn note_usage(&mut self) {
        let process = self.child.as_ref().and_then(Child::id);
        if let Some((process, now)) = process.and_then(|process| Some((process, usage(process)?))) {
            self.used.note(process, now);
        }
    }
}

/// A command that becomes the program of its arguments, and ends when this process does, however that ends.
#[must_use]
pub fn dying_with_us() -> Command {
    let mut command = Command::new(if cfg!(target_os = "linux") { "setpriv" } else { "env" });
    if cfg!(target_os = "linux") {
        command.args(["--pdeathsig", "KILL", "--"]);
    }
    command
}

/// The last lines of a file.
fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error: io::Error| error.to_string());
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}
