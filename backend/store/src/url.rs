//! The URL of a store.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

#[cfg(feature = "sql")]
use super::postgres::Address;

/// The URL of a store. `Display` and `Debug` omit the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Url {
    /// `csv:DIR`
    Csv(PathBuf),
    /// `sqlite:FILE`
    #[cfg(feature = "sql")]
    Sqlite(PathBuf),
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`
    #[cfg(feature = "sql")]
    Postgres(Address),
}

impl Url {
    /// The default store, in the user's data folder (XDG Base Directory Specification); the services and the shop share it.
    pub fn user_default() -> Option<Self> {
        use etcetera::BaseStrategy as _;
        let folders = etcetera::choose_base_strategy().ok()?;
        Some(Self::Csv(folders.data_dir().join("bookstore").join("store")))
    }

    /// Whether a server has the store, so that it may be unreachable for a time.
    pub fn is_remote(&self) -> bool {
        match self {
            Self::Csv(_) => false,
            #[cfg(feature = "sql")]
            Self::Sqlite(_) => false,
            #[cfg(feature = "sql")]
            Self::Postgres(_) => true,
        }
    }

    /// The path of the store's lock file; a shared store has none. A running shop writes its address to a file beside it.
    pub fn lock_path(&self) -> Option<PathBuf> {
        match self {
            Self::Csv(folder) => Some(folder.join("lock")),
            #[cfg(feature = "sql")]
            Self::Sqlite(file) => Some(beside(file, ".lock")),
            #[cfg(feature = "sql")]
            Self::Postgres(_) => None,
        }
    }
}

/// A file's path with a suffix appended to its name.
pub(super) fn beside(file: &std::path::Path, suffix: &str) -> PathBuf {
    let mut path = std::ffi::OsString::from(file);
    path.push(suffix);
    path.into()
}

impl FromStr for Url {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
        match (scheme, rest) {
            ("csv", folder) if !folder.is_empty() => Ok(Self::Csv(PathBuf::from(folder))),
            #[cfg(feature = "sql")]
            ("sqlite", file) => match file.strip_prefix("//").unwrap_or(file) {
                "" | ":memory:" => Err("a SQLite store needs a file; expected sqlite:FILE".to_owned()),
                file => Ok(Self::Sqlite(PathBuf::from(file))),
            },
            #[cfg(feature = "sql")]
            ("postgres" | "postgresql", _) => url.parse().map(Self::Postgres),
            #[cfg(not(feature = "sql"))]
            ("sqlite" | "postgres" | "postgresql", _) => {
                Err("this program is built without databases; expected csv:DIR".to_owned())
            }
            // The message contains only the scheme, because the rest may contain a password.
            _ => Err(format!(
                "{scheme:?} is no store; expected csv:DIR, sqlite:FILE or postgres://HOST/DATABASE"
            )),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Csv(folder) => write!(f, "csv:{}", folder.display()),
            #[cfg(feature = "sql")]
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            #[cfg(feature = "sql")]
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_store_and_its_lock() {
        for (url, lock) in [
            ("csv:/srv/books", Some("/srv/books/lock")),
            ("sqlite:/srv/books.db", Some("/srv/books.db.lock")),
            ("sqlite:books.db", Some("books.db.lock")),
            ("postgres://shop@db:5433/books", None),
        ] {
            let parsed: Url = url.parse().unwrap();
            assert_eq!(parsed.to_string(), url);
            assert_eq!(parsed.lock_path(), lock.map(PathBuf::from));
        }
        assert_eq!("sqlite:///a/b".parse(), Ok(Url::Sqlite("/a/b".into())));
        assert_eq!("sqlite://a/b".parse(), Ok(Url::Sqlite("a/b".into())));
    }

    #[test]
    fn an_invalid_url_is_refused() {
        for url in [
            "",
            "csv",
            "csv:",
            "sqlite:",
            "sqlite::memory:",
            "sqlite://",
            "mysql://h/d",
            "books",
            "postgres:x y",
            "postgres://h1,h2/d?sslmod=disable",
        ] {
            assert!(url.parse::<Url>().is_err(), "{url} was taken");
        }
    }

    #[test]
    fn no_password_is_ever_shown() {
        for url in [
            "postgres://shop:hunter2@db/books",
            "postgresql://shop@db/books?password=hunter2",
            "postgres://db/books?user=shop&password=hunter2&sslmode=disable",
        ] {
            let parsed: Url = url.parse().unwrap();
            assert_eq!(parsed.to_string(), "postgres://shop@db:5432/books");
            assert!(!format!("{parsed:?}").contains("hunter2"));
        }
        for url in [
            "postgre://a:hunter2@db/x",
            "postgres://a:hunter2@db:port/x",
            "mysql://a:hunter2@db",
        ] {
            let error = url.parse::<Url>().unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
