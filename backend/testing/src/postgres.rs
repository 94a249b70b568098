//! A real PostgreSQL server for tests: private, thrown away, never run as root.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// A running server. It stops when this is dropped, and when the test's process ends, however it ends.
#[derive(Debug)]
pub struct Server {
    folder: tempfile::TempDir,
    programs: PathBuf,
    account: Option<(u32, u32)>,
    process: Mutex<Option<Child>>,
    schemas: AtomicU32,
}

impl Server {
    /// The server that all tests share; nothing where PostgreSQL is not installed, and a loud word about it.
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

    /// A server of one's own with some settings.
    pub fn start(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            // Not through the test's captured output: a skipped test must be seen.
            let _ = writeln!(std::io::stderr(), "skipped: no PostgreSQL server found");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        let account = account();
        if let Some((user, group)) = account {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let server = Self {
            folder,
            programs,
            account,
            process: Mutex::new(None),
            schemas: AtomicU32::new(0),
        };
        let made = server
            .command("initdb")
            .args([
                "--username=shop",
                "--auth=trust",
                "--no-sync",
                "--locale=C",
                "--encoding=UTF8",
            ])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "initdb failed");
        server.run(settings);
        Some(server)
    }

    /// Starts the server's process, again after it was killed.
    pub fn run(&self, settings: &[&str]) {
        let mut process = self.spawn(settings);
        for _ in 0..600 {
            if self.is_ready() {
                *self.process.lock().unwrap() = Some(process);
                return;
            }
            // Memory is shared with what is left of a server that was killed, until that has ended, too.
            if process.try_wait().unwrap().is_some() {
                process = self.spawn(settings);
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        panic!("the server does not start: {log}");
    }

    fn spawn(&self, settings: &[&str]) -> Child {
        // The shell outlives nobody: its input ends with this process, and then it ends the server.
        let script = r#"exec 3<&0
            "$@" </dev/null 3<&- & server=$!
            { read -r _ <&3; kill -QUIT $server; } & reader=$!
            wait $server; kill $reader"#;
        let mut command = Command::new("sh");
        self.lower(&mut command);
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        command
            .args(["-c", script, "sh"])
            .arg(self.programs.join("postgres"))
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "shared_buffers=16MB",
                "-c",
                "max_connections=200",
            ])
            .arg("-c")
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

    /// Ends every process of the server as a crash of the machine would, but for what the system still writes.
    pub fn kill(&self) {
        let process = self.process.lock().unwrap().take();
        if let Some(mut process) = process {
            // Its input ends; SIGQUIT lets the server stop without writing anything more.
            drop(process.stdin.take());
            process.wait().unwrap();
        }
    }

    /// `kill -9` of the process that all others come from; they notice and end, each by itself.
    pub fn kill_first(&self) {
        let note = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        kill_process(note.lines().next().unwrap());
        self.kill();
    }

    /// `kill -9` of one process that serves a connection: the server breaks all others off and recovers. Whether there
    /// was one. [`Server::wait`] waits until it is back.
    pub fn kill_connection(&self) -> bool {
        let any = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() \
                   ORDER BY random() LIMIT 1";
        let found = self.sql(any);
        if !found.is_empty() {
            kill_process(&found);
        }
        !found.is_empty()
    }

    /// Waits until connections are taken.
    pub fn wait(&self) {
        for _ in 0..600 {
            if self.is_ready() {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        panic!("the server does not come back");
    }

    /// Where its programs are, `psql` among them.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// Where connections are made.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    /// The URL of a place where there is nothing yet, for one store.
    pub fn url(&self) -> String {
        let number = self.schemas.fetch_add(1, Ordering::Relaxed);
        self.sql(&format!("CREATE SCHEMA shop{number}"));
        let host = self.folder.path().display();
        let options = format!("options=-csearch_path%3Dshop{number}&application_name=shop{number}&sslmode=disable");
        format!("postgres://shop@localhost/postgres?host={host}&{options}")
    }

    /// The same place by way of another socket's folder.
    pub fn url_by(&self, url: &str, folder: &Path) -> String {
        let own = self.folder.path().display().to_string();
        url.replace(&own, &folder.display().to_string())
    }

    /// Lets a store's table lie on another disk.
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

    /// Runs statements as the server's owner.
    pub fn sql(&self, statements: &str) -> String {
        let output = self
            .command("psql")
            .args([
                "--no-psqlrc",
                "--quiet",
                "--tuples-only",
                "--no-align",
                "--dbname=postgres",
            ])
            .args(["--set=ON_ERROR_STOP=1", "--command", statements])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        self.lower(&mut command);
        command
            .env("PGDATA", self.data())
            .env("PGHOST", self.folder.path())
            .env("PGUSER", "shop")
            .stdin(Stdio::null());
        command
    }

    /// Makes a command run under an ordinary account.
    fn lower(&self, command: &mut Command) {
        command.current_dir(self.folder.path());
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn kill_process(id: &str) {
    // One that has just ended by itself is as dead.
    let _ = Command::new("kill").args(["-KILL", id]).status().unwrap();
}

/// The folder of the server's programs, the newest version's where there are several.
fn programs() -> Option<PathBuf> {
    let has_all = |folder: &PathBuf| {
        ["initdb", "postgres", "psql", "pg_isready"]
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

/// The account to run under, if this is root's process, which PostgreSQL refuses to run in.
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
