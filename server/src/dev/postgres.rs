//! A private PostgreSQL for `flagstone-server dev`: made on the first start, kept between starts.
//!
//! The cluster survives its server: when that is killed, the next start finds the cluster running and takes it over.
//! Two servers never share one, which a lock on the folder sees to.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use flagstone_db::connect::Causes;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::binaries::{Binaries, find_binaries, find_major};

/// The superuser of the cluster, and the database in it.
const NAME: &str = "flagstone";

/// How long a start may take; recovery after a crash is part of it.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long a fast shutdown may take, before the cluster is stopped the hard way.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// How long a server that is on its way out may still hold the folder.
const LOCK_LIMIT: Duration = Duration::from_secs(1);

/// How often a starting or stopping cluster is looked at.
const POLL: Duration = Duration::from_millis(10);

/// Longest address of a Unix socket, in bytes.
const SOCKET_LIMIT: usize = 107;

/// Why there is no cluster: a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// A running private cluster. Dropping it stops the cluster without waiting; [`Postgres::stop`] waits.
pub struct Postgres {
    files: Files,
    binaries: Binaries,
    account: Account,
    url: String,
    process: Process,
    /// Keeps other servers away.
    _lock: File,
}

/// The postmaster.
#[derive(Debug)]
enum Process {
    Ours(Child),
    /// Started by an earlier server.
    Adopted(Pid),
    Stopped,
}

impl Postgres {
    /// Starts the cluster of `dir`, or takes over the one that runs there. Makes both on the first start, and the
    /// database `flagstone` in it.
    ///
    /// Fails when no PostgreSQL is installed, another server uses `dir`, or the cluster does not start; the end of
    /// its log is then part of the error.
    pub async fn start(dir: &Path) -> Result<Self, Error> {
        let files = Files::in_dir(dir)?;
        let lock = files.lock().await?;
        let account = Account::find().map_err(Error)?;
        let binaries = match files.major() {
            Some(major) => find_major(major),
            None => find_binaries(),
        }
        .map_err(Error)?;
        let password = files.password()?;
        if files.major().is_none() {
            init(&files, &binaries, &account, &password)?;
        }
        let mut postgres =
            Self { files, binaries, account, url: String::new(), process: Process::Stopped, _lock: lock };
        postgres.run(&password).await?;
        flagstone_db::cluster::ensure_database(&postgres.url, NAME)
            .await
            .map_err(|error| Error(format!("The database {NAME} could not be created: {}.", Causes(&error))))?;
        postgres.url = postgres.files.url(&password, &postgres.files.port()?, NAME);
        Ok(postgres)
    }

    /// Address of the database `flagstone`, as a superuser, password included.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The installation that runs.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The process id of the postmaster, while it runs.
    pub fn pid(&self) -> Option<Pid> {
        match &self.process {
            Process::Ours(child) => Some(Pid::from_child(child)),
            Process::Adopted(pid) => Some(*pid),
            Process::Stopped => None,
        }
    }

    /// Stops the cluster and starts it again at the same address.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.end().await;
        let password = self.files.password()?;
        self.run(&password).await?;
        self.url = self.files.url(&password, &self.files.port()?, NAME);
        Ok(())
    }

    /// Ends every session, stops the cluster and waits until it has: at most ten seconds, then the hard way, which
    /// costs the next start a recovery but no data.
    pub async fn stop(mut self) {
        self.end().await;
    }

    /// Gets the postmaster to run and answer, and sets the address of the database `postgres`.
    async fn run(&mut self, password: &str) -> Result<(), Error> {
        let deadline = Instant::now() + START_LIMIT;
        let mut last = String::from("it did not answer in time");
        while Instant::now() < deadline {
            self.url = self.files.url(password, &self.files.port()?, "postgres");
            if let Some(pid) = self.files.postmaster() {
                // Left behind by a server that was killed: running, starting or on its way out.
                match self.answer(deadline, || test_kill_process(pid).is_ok()).await {
                    Ok(()) => {
                        tracing::info!(pid = pid.as_raw_pid(), "Took over the PostgreSQL of an earlier start.");
                        self.process = Process::Adopted(pid);
                        return Ok(());
                    }
                    Err(error) => last = error,
                }
                continue;
            }
            let mut child = self.spawn()?;
            match self.answer(deadline, || matches!(child.try_wait(), Ok(None))).await {
                Ok(()) => {
                    self.process = Process::Ours(child);
                    return Ok(());
                }
                Err(error) => {
                    let _ = kill_process(Pid::from_child(&child), Signal::QUIT);
                    let _ = child.wait();
                    last = error;
                    let log = self.files.log_end();
                    // Processes of a killed postmaster hold its memory for a moment; a port may just have been taken.
                    if !log.contains("shared memory block")
                        && !log.contains("lock file")
                        && !log.contains("could not bind")
                    {
                        return Err(self.failed(&last));
                    }
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
        Err(self.failed(&last))
    }

    /// Waits until the cluster at the address answers and is this one. `alive` says whether there is hope.
    async fn answer(&self, deadline: Instant, mut alive: impl FnMut() -> bool) -> Result<(), String> {
        loop {
            let error = match flagstone_db::cluster::data_directory(&self.url).await {
                Ok(found) if Path::new(&found) == self.files.data => return Ok(()),
                Ok(found) => return Err(format!("another cluster, of {found}, answers at its address")),
                Err(error) => Causes(&error).to_string(),
            };
            if !alive() {
                return Err("it stopped by itself".to_owned());
            }
            if Instant::now() > deadline {
                return Err(error);
            }
            sleep(POLL).await;
        }
    }

    fn spawn(&self) -> Result<Child, Error> {
        let files = &self.files;
        let log = File::create(&files.log).map_err(|error| cannot("write", &files.log, &error))?;
        let errors = log.try_clone().map_err(|error| cannot("write", &files.log, &error))?;
        let mut command = self.account.command(&self.binaries.bindir.join("postgres"), &files.data);
        command.arg("-D").arg(&files.data).stdin(Stdio::null()).stdout(log).stderr(errors);
        let sockets = if files.socket_fits() { files.data.to_string_lossy() } else { "".into() };
        for (setting, value) in [
            ("listen_addresses", "127.0.0.1"),
            ("port", files.port()?.as_str()),
            ("unix_socket_directories", &*sockets),
            ("max_connections", "100"),
            ("shared_buffers", "64MB"),
            // A failing statement would be logged with the values in it.
            ("log_min_error_statement", "panic"),
        ] {
            command.arg("-c").arg(format!("{setting}={value}"));
        }
        command.spawn().map_err(|error| cannot("start", &self.binaries.bindir.join("postgres"), &error))
    }

    fn failed(&self, why: &str) -> Error {
        Error(format!(
            "PostgreSQL {} in {} did not start: {why}. The end of {}:\n{}",
            self.binaries.version,
            self.files.data.display(),
            self.files.log.display(),
            self.files.log_end()
        ))
    }

    async fn end(&mut self) {
        // SIGINT is "fast": sessions are ended, nothing is lost.
        self.signal(Signal::INT);
        let deadline = Instant::now() + STOP_LIMIT;
        while self.is_running() && Instant::now() < deadline {
            sleep(POLL).await;
        }
        if self.is_running() {
            tracing::warn!("PostgreSQL did not stop in ten seconds and is stopped the hard way.");
            self.signal(Signal::QUIT);
            while self.is_running() && Instant::now() < deadline + STOP_LIMIT {
                sleep(POLL).await;
            }
        }
        self.process = Process::Stopped;
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            let _ = kill_process(pid, signal);
        }
    }

    fn is_running(&mut self) -> bool {
        match &mut self.process {
            Process::Ours(child) => matches!(child.try_wait(), Ok(None)),
            Process::Adopted(pid) => test_kill_process(*pid).is_ok(),
            Process::Stopped => false,
        }
    }
}

impl std::fmt::Debug for Postgres {
    /// Without the address, which holds the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("files", &self.files).field("process", &self.process).finish_non_exhaustive()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.is_running() {
            self.signal(Signal::INT);
        }
    }
}

/// Makes the cluster: in a folder of another name first, so that a start that is cut short leaves nothing half done.
fn init(files: &Files, binaries: &Binaries, account: &Account, password: &str) -> Result<(), Error> {
    let half = files.dir.join("data.new");
    if half.exists() {
        fs::remove_dir_all(&half).map_err(|error| cannot("remove", &half, &error))?;
    }
    fs::create_dir(&half).and_then(|()| account.own(&half)).map_err(|error| cannot("create", &half, &error))?;
    // initdb reads the password from a file that its own account must be able to read.
    let password_file = files.dir.join("password.new");
    write_private(&password_file, password)
        .and_then(|()| account.own(&password_file))
        .map_err(|error| cannot("write", &password_file, &error))?;
    let initdb = binaries.bindir.join("initdb");
    let output = account
        .command(&initdb, &half)
        .args(["-U", NAME, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-instructions"])
        .arg("--pwfile")
        .arg(&password_file)
        .arg("-D")
        .arg(&half)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match account {
            Account::Other { name, .. } if error.kind() == std::io::ErrorKind::PermissionDenied => Error(format!(
                "PostgreSQL refuses to run as root, and its user {name} may not enter {} or run {}: choose a data \
                 folder that others may pass through, or start as another user.",
                half.display(),
                initdb.display()
            )),
            _ => cannot("start", &initdb, &error),
        });
    let _ = fs::remove_file(&password_file);
    let output = output?;
    if !output.status.success() {
        return Err(Error(format!("initdb failed:\n{}", String::from_utf8_lossy(&output.stderr).trim_end())));
    }
    fs::rename(&half, &files.data).map_err(|error| cannot("rename", &half, &error))
}

/// What lies in the folder of a cluster.
#[derive(Debug)]
struct Files {
    dir: PathBuf,
    /// PostgreSQL's own.
    data: PathBuf,
    log: PathBuf,
}

impl Files {
    fn in_dir(dir: &Path) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(|error| cannot("create", dir, &error))?;
        let dir = dir.canonicalize().map_err(|error| cannot("open", dir, &error))?;
        Ok(Self { data: dir.join("data"), log: dir.join("postgres.log"), dir })
    }

    /// Held for as long as the server lives; the kernel lets go of it, however that ends.
    async fn lock(&self) -> Result<File, Error> {
        let path = self.dir.join("lock");
        let file = File::create(&path).map_err(|error| cannot("write", &path, &error))?;
        let deadline = Instant::now() + LOCK_LIMIT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) if Instant::now() < deadline => sleep(POLL).await,
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(Error(format!(
                        "Another flagstone-server dev uses {}: stop it first, or choose another data folder.",
                        self.dir.display()
                    )));
                }
                Err(fs::TryLockError::Error(error)) => return Err(cannot("lock", &path, &error)),
            }
        }
    }

    /// The major version that wrote the data; `None` before the first start.
    fn major(&self) -> Option<u32> {
        fs::read_to_string(self.data.join("PG_VERSION")).ok()?.trim().parse().ok()
    }

    /// The superuser's password, generated once and readable by us alone.
    fn password(&self) -> Result<String, Error> {
        let path = self.dir.join("password");
        if let Ok(password) = fs::read_to_string(&path) {
            return Ok(password);
        }
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|error| Error(format!("No random numbers: {error}.")))?;
        let password = hex::encode(bytes);
        write_private(&path, &password).map_err(|error| cannot("write", &path, &error))?;
        Ok(password)
    }

    /// The port: that of the running postmaster, else the one of last time, else any that is free.
    fn port(&self) -> Result<String, Error> {
        let path = self.dir.join("port");
        let kept = fs::read_to_string(&path).ok().filter(|port| port.parse::<u16>().is_ok());
        if let Some(kept) = kept
            && (self.postmaster().is_some() || TcpListener::bind(format!("127.0.0.1:{kept}")).is_ok())
        {
            return Ok(kept);
        }
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| Error(format!("No free port on 127.0.0.1: {error}.")))?;
        let port = free.port().to_string();
        fs::write(&path, &port).map_err(|error| cannot("write", &path, &error))?;
        Ok(port)
    }

    /// The postmaster that holds the data, if it lives.
    fn postmaster(&self) -> Option<Pid> {
        let path = self.data.join("postmaster.pid");
        let pid = fs::read_to_string(&path).ok()?.lines().next()?.trim().parse().ok().and_then(Pid::from_raw)?;
        test_kill_process(pid).ok()?;
        // After a reboot, or in a container started anew, the number may be that of something else. PostgreSQL would
        // then refuse to start for as long as that lives. A postmaster works in its data directory.
        match fs::read_link(format!("/proc/{}/cwd", pid.as_raw_pid())) {
            Ok(cwd) if cwd != self.data => {
                let _ = fs::remove_file(&path);
                None
            }
            _ => Some(pid),
        }
    }

    /// Sockets lie in the data directory, where only PostgreSQL and we can reach them.
    fn socket_fits(&self) -> bool {
        self.data.as_os_str().len() + "/.s.PGSQL.65535.lock".len() <= SOCKET_LIMIT
    }

    /// By socket where its address is short enough, which is faster, else by TCP.
    fn url(&self, password: &str, port: &str, database: &str) -> String {
        let host = if self.socket_fits() { escaped(&self.data.to_string_lossy()) } else { "127.0.0.1".to_owned() };
        format!("postgres://{NAME}:{password}@{host}:{port}/{database}")
    }

    /// The last lines of the log.
    fn log_end(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

/// A path as the host of an address.
fn escaped(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, contents: &str) -> std::io::Result<()> {
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(contents.as_bytes())?;
    file.sync_all()
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error(format!("Cannot {what} {}: {error}.", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that any user may pass through, since root's cluster runs as another one.
    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        fs::set_permissions(dir.path(), open).unwrap();
        dir
    }

    async fn applied(url: &str) -> String {
        flagstone_db::cluster::data_directory(url).await.unwrap()
    }

    #[tokio::test]
    async fn it_starts_stops_and_keeps_its_data() {
        let dir = folder();
        let postgres = Postgres::start(dir.path()).await.unwrap();
        let url = postgres.url().to_owned();
        assert!(flagstone_db::cluster::ensure_database(&url, "kept").await.unwrap());
        let taken = Postgres::start(dir.path()).await.unwrap_err();
        assert!(taken.to_string().contains("Another flagstone-server dev"), "{taken}");
        postgres.stop().await;
        assert!(flagstone_db::cluster::data_directory(&url).await.is_err());

        let mut postgres = Postgres::start(dir.path()).await.unwrap();
        assert_eq!(postgres.url(), url);
        postgres.restart().await.unwrap();
        assert!(!flagstone_db::cluster::ensure_database(&url, "kept").await.unwrap());
        postgres.stop().await;
    }

    #[tokio::test]
    async fn one_left_behind_is_taken_over_and_a_killed_one_started_again() {
        let dir = folder();
        let mut first = Postgres::start(dir.path()).await.unwrap();
        let (pid, url) = (first.pid().unwrap(), first.url().to_owned());
        // What `kill -9` of the server does: the postmaster lives, its parent and the lock are gone.
        let Process::Ours(mut orphan) = std::mem::replace(&mut first.process, Process::Stopped) else { panic!() };
        drop(first);
        let second = Postgres::start(dir.path()).await.unwrap();
        assert_eq!((second.pid().unwrap(), second.url()), (pid, url.as_str()));

        kill_process(pid, Signal::KILL).unwrap();
        orphan.wait().unwrap();
        drop(second);
        let third = Postgres::start(dir.path()).await.unwrap();
        assert_ne!(third.pid().unwrap(), pid);
        applied(third.url()).await;
        third.stop().await;
    }

    #[tokio::test]
    async fn a_number_of_another_process_does_not_keep_it_from_starting() {
        let dir = folder();
        Postgres::start(dir.path()).await.unwrap().stop().await;
        fs::write(dir.path().join("data/postmaster.pid"), format!("{}\n", std::process::id())).unwrap();
        Postgres::start(dir.path()).await.unwrap().stop().await;
    }

    #[tokio::test]
    async fn a_long_path_goes_by_tcp() {
        let dir = folder();
        let deep = dir.path().join("d".repeat(100));
        let postgres = Postgres::start(&deep).await.unwrap();
        assert!(postgres.url().contains("@127.0.0.1:"), "{}", postgres.url());
        applied(postgres.url()).await;
        postgres.stop().await;
    }
}
