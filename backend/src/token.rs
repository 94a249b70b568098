//! Secret tokens: read from a file or a variable at the start, and from the file again on SIGHUP.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use clap::Args;
use common::client::TokenSource;
use common::limits;

use crate::settings::Error;

/// The environment variable that holds the shopkeeper's token.
const ADMIN_VARIABLE: &str = "BOOKSTORE_ADMIN_TOKEN";
/// The environment variable that holds the service token.
const SERVICE_VARIABLE: &str = "BOOKSTORE_SERVICE_TOKEN";
/// The permission of users who are neither the owner nor of the group.
const READABLE_BY_OTHERS: u32 = 0o004;

/// The shopkeeper's token.
#[derive(Debug, Clone, Default, Args)]
pub struct AdminToken {
    /// A file with the shopkeeper's token; the variable BOOKSTORE_ADMIN_TOKEN may hold the token itself
    #[arg(long, env = "BOOKSTORE_ADMIN_TOKEN_FILE", value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    #[arg(skip)]
    token: Option<Token>,
}

impl AdminToken {
    /// A token from a text instead of a file or variable.
    pub fn new(token: &str) -> Self {
        Self {
            admin_token_file: None,
            token: Some(Token::fixed(Some(token.into()))),
        }
    }

    /// The token, from its file or else from the environment variable.
    ///
    /// # Errors
    /// If the file cannot be read, or its text cannot be a token.
    pub(crate) fn read(&self) -> Result<Token, Error> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        match &self.admin_token_file {
            Some(path) => Token::from_file("the shopkeeper's token", path),
            None => Ok(Token::fixed(from_variable(ADMIN_VARIABLE)?)),
        }
    }
}

/// The token by which catalog and order service recognize the other services.
#[derive(Debug, Clone, Default, Args)]
pub struct ServiceToken {
    /// A file with the token that services send to catalog and order service, which refuse other callers; the variable
    /// BOOKSTORE_SERVICE_TOKEN may hold the token itself
    #[arg(long, env = "BOOKSTORE_SERVICE_TOKEN_FILE", value_name = "FILE")]
    service_token_file: Option<PathBuf>,
}

impl ServiceToken {
    /// Whether a token is configured.
    pub(crate) fn is_given(&self) -> bool {
        self.service_token_file.is_some() || std::env::var_os(SERVICE_VARIABLE).is_some()
    }

    /// The token, from its file or else from the environment variable.
    ///
    /// # Errors
    /// As of [`AdminToken::read`].
    pub(crate) fn read(&self) -> Result<Token, Error> {
        match &self.service_token_file {
            Some(path) => Token::from_file("the service token", path),
            None => Ok(Token::fixed(from_variable(SERVICE_VARIABLE)?)),
        }
    }
}

fn from_variable(variable: &str) -> Result<Option<Arc<str>>, Error> {
    let token = match std::env::var(variable) {
        Ok(token) => token,
        Err(std::env::VarError::NotPresent) => return Ok(None),
        Err(error) => return Err(Error(format!("{variable}: {error}"))),
    };
    let token = parse(&token).map_err(|why| Error(format!("{variable}: {why}")))?;
    if token.len() < limits::TOKEN_BYTES_MIN {
        tracing::warn!("{variable} can be guessed; {}", advice("a token"));
    }
    Ok(Some(token))
}

/// Warns if every user of the machine can read a secret file.
pub(crate) fn warn_if_readable_by_others(path: &Path) {
    let mode = fs::metadata(path).map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & READABLE_BY_OTHERS != 0) {
        tracing::warn!("every user of this machine can read {}: chmod o-r", path.display());
    }
}

/// A token that the parts of a process share.
#[derive(Debug, Clone)]
pub(crate) struct Token(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// As in "the shopkeeper's token".
    name: &'static str,
    file: Option<PathBuf>,
    value: RwLock<Option<Arc<str>>>,
}

impl Token {
    /// A token that is never read again; `None` for a service without a token.
    pub(crate) fn fixed(value: Option<Arc<str>>) -> Self {
        Self(Arc::new(Shared {
            name: "the token",
            file: None,
            value: RwLock::new(value),
        }))
    }

    /// Reads a token file; warns if every user of the machine can read it.
    ///
    /// # Errors
    /// If the file cannot be read, or its text is not a valid token of at least [`limits::TOKEN_BYTES_MIN`] characters.
    pub(crate) fn from_file(name: &'static str, path: &Path) -> Result<Self, Error> {
        let value = read(name, path)?;
        warn_if_readable_by_others(path);
        Ok(Self(Arc::new(Shared {
            name,
            file: Some(path.to_owned()),
            value: RwLock::new(Some(value)),
        })))
    }

    /// The token in force, for a client that sends it.
    pub(crate) fn source(&self) -> TokenSource {
        let token = self.clone();
        Arc::new(move || token.get())
    }

    /// The token in force.
    pub(crate) fn get(&self) -> Option<Arc<str>> {
        self.0.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again. The old token stays in force if that fails, or if the token is not from a regular file.
    pub(crate) fn reload(&self) {
        let Shared { name, file, value } = &*self.0;
        // A pipe is empty after the first reading.
        let Some(file) = file.as_deref().filter(|file| file.is_file()) else {
            return;
        };
        match read(name, file) {
            Ok(token) => {
                *value.write().unwrap_or_else(PoisonError::into_inner) = Some(token);
                tracing::info!(file = %file.display(), "{name} was read again");
            }
            Err(error) => tracing::warn!(%error, "{name} could not be read again; the previous one stays in use"),
        }
    }
}

/// Reads at most [`limits::TOKEN_FILE_BYTES_MAX`] of a file or pipe: a device may have no end.
fn read(name: &str, path: &Path) -> Result<Arc<str>, Error> {
    let invalid = |why: String| Error(format!("cannot read {name} from {}: {why}", path.display()));
    let failed = |error: std::io::Error| invalid(error.to_string());
    let kind = fs::metadata(path).map_err(failed)?.file_type();
    if !(kind.is_file() || kind.is_fifo()) {
        return Err(invalid("it is neither a file nor a pipe".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(limits::TOKEN_FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limits::TOKEN_FILE_BYTES_MAX {
        let max = limits::TOKEN_FILE_BYTES_MAX;
        return Err(invalid(format!("it is larger than {max} bytes")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| invalid("it is not text".to_owned()))?;
    let token = parse(text).map_err(invalid)?;
    match token.len() {
        limits::TOKEN_BYTES_MIN.. => Ok(token),
        length => {
            let plural = if length == 1 { "" } else { "s" };
            let advice = advice(&path.display().to_string());
            Err(invalid(format!("{length} character{plural} can be guessed; {advice}")))
        }
    }
}

fn parse(text: &str) -> Result<Arc<str>, String> {
    let token = text.trim();
    match token {
        "" => Err("it is empty".to_owned()),
        _ if token.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(token.into()),
        _ => Err("expected one line of visible ASCII characters without blanks".to_owned()),
    }
}

/// How to make a token that cannot be guessed.
fn advice(target: &str) -> String {
    let min = limits::TOKEN_BYTES_MIN;
    format!("make {target} with at least {min} characters, as `openssl rand -hex 32` prints")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(content: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, content).unwrap();
        Token::from_file("the token", &path).unwrap_err().to_string()
    }

    #[test]
    fn a_file_without_one_long_word_is_refused() {
        for (content, why) in [
            (&b"x\n"[..], "1 character can be guessed"),
            (b"fifteen-letters", "15 characters can be guessed"),
            (b"", "empty"),
            (b" \n", "empty"),
            (b"the-first-of-two-lines\nthe-second-of-two-lines\n", "one line"),
            (b"a token that has blanks", "one line"),
            (b"\xff\xfe0123456789abcdef", "not text"),
            (&[b'x'; 5_000], "larger than 4096 bytes"),
        ] {
            let refusal = refusal(content);
            assert!(refusal.contains(why), "{refusal}");
        }
    }

    #[test]
    fn a_device_and_a_folder_are_refused_at_once() {
        for path in ["/dev/zero", "/dev/null", "/"] {
            let refusal = Token::from_file("the token", path.as_ref()).unwrap_err().to_string();
            assert!(refusal.contains("neither a file nor a pipe"), "{refusal}");
        }
    }

    #[test]
    fn a_reloaded_token_replaces_the_old_one_unless_the_file_is_bad() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "the-first-long-token\n").unwrap();
        let token = Token::from_file("the token", &path).unwrap();
        let shared = token.clone();
        for (content, expected) in [
            ("the-second-long-token\n", "the-second-long-token"),
            ("short", "the-second-long-token"),
            ("the-third-long-token", "the-third-long-token"),
        ] {
            fs::write(&path, content).unwrap();
            token.reload();
            assert_eq!(shared.get().as_deref(), Some(expected));
        }
        fs::remove_file(&path).unwrap();
        token.reload();
        assert_eq!(shared.get().as_deref(), Some("the-third-long-token"));
    }
}
