//! A real PostgreSQL server for tests: private, temporary, never run as root.

mod pooler;
mod standby;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

pub use self::pooler::Pooler;

/// The limit of a start, including recovery after a crash.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A running server. It stops when it is dropped, and when the test's process ends for any reason.
#[derive(Debug)]
pub struct Server {
    folder: tempfile::TempDir,
    bin_dir: PathBuf,
    /// The user and the group of the server's processes, if this process runs as root.
    account: Option<(u32, u32)>,
    process: Mutex<Option<Child>>,
    schemas: AtomicU32,
}

impl Server {
    /// The server that all tests of the process share; `None` as from [`Self::start`].
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(Self::start(&[])?);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// Starts a server with `settings`. `None` if PostgreSQL is not installed and tests may be skipped without it.
    ///
    /// # Panics
    /// If PostgreSQL is not installed and its tests may not be skipped, or if it does not start.
    pub fn start(settings: &[&str]) -> Option<Self> {
        let Some(bin_dir) = bin_dir() else {
            let remedy = "install the PostgreSQL server, or put its programs on PATH";
            crate::skip_or_fail("postgresql", remedy);
            return None;
        };
        let server = Self::in_new_folder(bin_dir, account());
        let initialized = server
            .command("initdb")
            .args(["--username=shop", "--auth=trust", "--no-sync"])
            .args(["--locale=C", "--encoding=UTF8"])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(initialized.success(), "initdb failed");
        server.restart(settings);
        Some(server)
    }

    fn in_new_folder(bin_dir: PathBuf, account: Option<(u32, u32)>) -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        if let Some((user, group)) = account {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            folder,
            bin_dir,
            account,
            process: Mutex::new(None),
            schemas: AtomicU32::new(0),
        }
    }

    /// Starts the server's process after [`Self::quit`], and waits until it accepts connections.
    ///
    /// # Panics
    /// If it does not start in time.
    pub fn restart(&self, settings: &[&str]) {
        let mut process = self.spawn(settings);
        self.poll_until_ready(|| {
            // A start fails while processes of a killed server still hold its shared memory.
            if process.try_wait().unwrap().is_some() {
                process = self.spawn(settings);
            }
        });
        *self.process.lock().unwrap() = Some(process);
    }

    /// Waits until the server accepts connections.
    ///
    /// # Panics
    /// If it does not in time.
    pub fn wait_until_ready(&self) {
        self.poll_until_ready(|| {});
    }

    fn poll_until_ready(&self, mut poll: impl FnMut()) {
        let start = Instant::now();
        while !self.is_ready() {
            if start.elapsed() > START_TIMEOUT {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("the server is not ready: {log}");
            }
            poll();
            std::thread::park_timeout(POLL_INTERVAL);
        }
    }

    fn spawn(&self, settings: &[&str]) -> Child {
        // The end of this process closes the shell's input, and then the shell stops the server.
        let script = r#"exec 3<&0
            "$@" </dev/null 3<&- & server=$!
            { read -r _ <&3; kill -QUIT $server; } & reader=$!
            wait $server; kill $reader"#;
        let mut command = Command::new("sh");
        self.drop_privileges(&mut command);
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        command
            .args(["-c", script, "sh"])
            .arg(self.bin_dir.join("postgres"))
            .args(["-c", "listen_addresses=", "-c", "shared_buffers=16MB"])
            .args(["-c", "max_connections=200", "-c"])
            .arg(format!("unix_socket_directories={}", self.folder.path().display()))
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .env("PGDATA", self.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log);
        command.spawn().unwrap()
    }

    fn is_ready(&self) -> bool {
        self.command("pg_isready")
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    /// Stops the server at once (SIGQUIT), without a checkpoint: the next start recovers from the write-ahead log.
    pub fn quit(&self) {
        let process = self.process.lock().unwrap().take();
        if let Some(mut process) = process {
            // The shell reads the end of its input and sends SIGQUIT.
            drop(process.stdin.take());
            process.wait().unwrap();
        }
    }

    /// Sends SIGKILL to the postmaster, the parent of all server processes, and waits until the others have ended.
    pub fn kill_postmaster(&self) {
        let pid_file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        send_signal(pid_file.lines().next().unwrap(), Signal::KILL);
        self.quit();
    }

    /// Sends SIGKILL to one process that serves a connection, if there is one: the server ends all other connections and
    /// recovers. Returns whether there was one. [`Self::wait_until_ready`] waits for the end of the recovery.
    pub fn kill_backend(&self) -> bool {
        let any = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() \
                   ORDER BY random() LIMIT 1";
        let found = self.sql(any);
        if !found.is_empty() {
            send_signal(&found, Signal::KILL);
        }
        !found.is_empty()
    }

    /// The folder of the server's programs, such as `psql`.
    pub fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    /// The Unix socket on which it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    /// The URL of a new, empty schema, for one store.
    pub fn url(&self) -> String {
        let number = self.schemas.fetch_add(1, Ordering::Relaxed);
        self.sql(&format!("CREATE SCHEMA shop{number}"));
        let host = self.folder.path().display();
        let options = format!("options=-csearch_path%3Dshop{number}&application_name=shop{number}&sslmode=disable");
        format!("postgres://shop@localhost/postgres?host={host}&{options}")
    }

    /// Changes a URL so that it leads through a proxy in front of the socket.
    pub fn url_via(&self, url: &str, proxy: SocketAddr) -> String {
        let socket = format!("host={}&", self.folder.path().display());
        url.replace(&socket, "").replace("localhost", &proxy.to_string())
    }

    /// Moves a store's table to another disk.
    pub fn move_table(&self, url: &str, table: &str, disk: &Path) {
        let folder = disk.join("tables");
        fs::create_dir(&folder).unwrap();
        if let Some((user, group)) = self.account {
            chown(&folder, Some(user), Some(group)).unwrap();
        }
        self.sql(&format!("CREATE TABLESPACE small LOCATION '{}'", folder.display()));
        let (_, rest) = url.split_once("search_path%3D").unwrap();
        let (schema, _) = rest.split_once('&').unwrap();
        self.sql(&format!("ALTER TABLE {schema}.{table} SET TABLESPACE small"));
    }

    /// Runs statements as the server's superuser and returns the output of `psql`.
    pub fn sql(&self, statements: &str) -> String {
        let output = self
            .command("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--dbname=postgres", "--set=ON_ERROR_STOP=1", "--command", statements])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin_dir.join(program));
        self.drop_privileges(&mut command);
        command
            .env("PGDATA", self.data())
            .env("PGHOST", self.folder.path())
            .env("PGUSER", "shop")
            .stdin(Stdio::null());
        command
    }

    /// Makes a command run under an ordinary account.
    fn drop_privileges(&self, command: &mut Command) {
        command.current_dir(self.folder.path());
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.quit();
    }
}

/// Sends a signal to a process of a server.
fn send_signal(pid: &str, signal: Signal) {
    // The process may have ended by itself.
    let _ = kill_process(Pid::from_raw(pid.parse().unwrap()).unwrap(), signal);
}

/// Whether a server is installed.
pub fn is_installed() -> bool {
    bin_dir().is_some()
}

/// The folder of the server's programs: on `PATH`, or else Debian's newest version.
fn bin_dir() -> Option<PathBuf> {
    let has_all = |folder: &PathBuf| {
        ["initdb", "postgres", "psql", "pg_isready", "pg_basebackup"]
            .iter()
            .all(|program| folder.join(program).exists())
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut installed: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .collect();
    let version = |folder: &PathBuf| folder.parent()?.file_name()?.to_str()?.parse::<f64>().ok();
    installed.sort_by(|one, other| version(other).partial_cmp(&version(one)).unwrap());
    std::env::split_paths(&path).chain(installed).find(has_all)
}

/// The user and the group for the server if this process runs as root: PostgreSQL refuses to run as root.
fn account() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").map_or(1, |process| process.uid()) != 0 {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = |name: &str| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut columns = line.split(':').skip(2);
        Some((columns.next()?.parse().ok()?, columns.next()?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody")).or(Some((65_534, 65_534)))
}
