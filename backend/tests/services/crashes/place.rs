//! Where the ledger of a crash test is kept, and how it is looked at from outside.

use std::path::{Path, PathBuf};
use std::process::Command;

use testing::postgres::Server;

use super::journal::Journal;

/// A store of one kind, with a folder for what stands beside it.
#[derive(Debug)]
pub(super) struct Place {
    folder: tempfile::TempDir,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Csv,
    Sqlite,
    Postgres { server: Server, url: String },
}

impl Place {
    pub(super) fn csv() -> Self {
        Self::of(Kind::Csv)
    }

    pub(super) fn sqlite() -> Self {
        Self::of(Kind::Sqlite)
    }

    /// On a server of its own, as it is going to be killed; nothing where there is none.
    pub(super) fn postgres() -> Option<Self> {
        let server = Server::start(&[])?;
        let url = server.url();
        Some(Self::of(Kind::Postgres { server, url }))
    }

    /// The same, for a role that may not send notices: catalogs have to look for each other's entries.
    pub(super) fn postgres_without_notices() -> Option<Self> {
        let server = Server::start(&[])?;
        let url = server.url();
        let schema = url.split("%3D").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
        server.sql(&format!(
            "CREATE ROLE silent LOGIN; GRANT ALL ON SCHEMA {schema} TO silent; \
             REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC"
        ));
        let may = server.sql("SELECT has_function_privilege('silent', 'pg_notify(text, text)', 'EXECUTE')");
        assert_eq!(may, "f");
        let url = url.replace("shop@", "silent@");
        Some(Self::of(Kind::Postgres { server, url }))
    }

    fn of(kind: Kind) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            kind,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Csv => "csv",
            Kind::Sqlite => "sqlite",
            Kind::Postgres { .. } => "postgres",
        }
    }

    pub(super) fn url(&self) -> String {
        match &self.kind {
            Kind::Csv => format!("csv:{}", self.beside("store").display()),
            Kind::Sqlite => format!("sqlite:{}", self.beside("store.db").display()),
            Kind::Postgres { url, .. } => url.clone(),
        }
    }

    /// The path of a file beside the store.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The database's server, where there is one.
    pub(super) fn server(&self) -> Option<&Server> {
        match &self.kind {
            Kind::Postgres { server, .. } => Some(server),
            Kind::Csv | Kind::Sqlite => None,
        }
    }

    /// Holds the store against what clients were told. What the check said, if it found nothing.
    pub(super) fn check(&self, journal: &Journal, at_rest: bool) -> Result<String, String> {
        self.check_store(&self.url(), journal, at_rest)
    }

    fn check_store(&self, url: &str, journal: &Journal, at_rest: bool) -> Result<String, String> {
        let output = self
            .script("check_ledger.py")
            .args([url, "--settled"])
            .args(at_rest.then_some("--at-rest"))
            .arg(journal.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => Ok(said),
            Some(1) => Err(said),
            _ => panic!("the check itself failed: {said}"),
        }
    }

    /// Falsifies a copy of the store at rest; what the check says to it.
    pub(super) fn check_forged(&self, how: &str, journal: &Journal) -> Result<String, String> {
        let url = self.copy(how);
        let forged = self.script("forge.py").args([&url, how]).status().unwrap();
        assert!(forged.success());
        self.check_store(&url, journal, true)
    }

    /// A copy of the store at rest.
    fn copy(&self, name: &str) -> String {
        match &self.kind {
            Kind::Csv => {
                let copy = self.beside(name);
                std::fs::create_dir(&copy).unwrap();
                for file in self.beside("store").read_dir().unwrap() {
                    let file = file.unwrap();
                    std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
                }
                format!("csv:{}", copy.display())
            }
            Kind::Sqlite => {
                // A clean stop leaves all of it in one file.
                let copy = self.beside(name);
                std::fs::copy(self.beside("store.db"), &copy).unwrap();
                format!("sqlite:{}", copy.display())
            }
            Kind::Postgres { server, url } => {
                server.sql(&format!("CREATE DATABASE \"{name}\" TEMPLATE postgres"));
                url.replace("/postgres?", &format!("/{name}?"))
            }
        }
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new("python3");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("checks").join(name));
        if let Some(server) = self.server() {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let folders = std::iter::once(server.bin_dir().to_owned()).chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(folders).unwrap());
        }
        // Nothing is left beside the scripts.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// Whether the checks can run; a loud word where not.
pub(super) fn can_check() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok();
    if !found {
        // Not through the test's captured output: a skipped test must be seen.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: no python3 found\n");
    }
    found
}
