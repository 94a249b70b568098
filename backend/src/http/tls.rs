//! TLS of a process's services: a certificate with its key, which may be replaced while the services run.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use common::limits;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::settings::Error;
use crate::token::warn_if_readable_by_others;

/// A certificate and its key, read from two PEM files. Clones share the configuration in force.
#[derive(Debug, Clone)]
pub(crate) struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<ServerConfig>>,
    /// The versions of both files when they were last read.
    read: Mutex<[Version; 2]>,
}

/// Inode, size and modification time of a file; `None` if it does not exist.
type Version = Option<(u64, u64, i64, i64)>;

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// Says what is wrong with which file.
    pub(crate) fn open(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let read = [certificate, key].map(version);
        let current = load(certificate, key).map_err(Error)?;
        warn_if_readable_by_others(key);
        Ok(Self(Arc::new(Shared {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: RwLock::new(current),
            read: Mutex::new(read),
        })))
    }

    /// An acceptor with the certificate in force.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let current = self.0.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current).into()
    }

    /// Reads the files again; invalid files leave the old certificate in force. Open connections are not affected.
    pub(crate) fn reload(&self) {
        let Shared {
            certificate,
            key,
            current,
            read,
        } = &*self.0;
        let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
        *read = [certificate.as_path(), key].map(version);
        match load(certificate, key) {
            Ok(loaded) => {
                *current.write().unwrap_or_else(PoisonError::into_inner) = loaded;
                tracing::info!(file = %certificate.display(), "the TLS certificate was read again");
            }
            Err(error) => {
                tracing::warn!(%error, "the TLS certificate could not be read again; the previous one stays in use");
            }
        }
    }

    /// Reads the files again when one of them has changed, until the future is dropped.
    pub(crate) async fn watch(self) {
        loop {
            tokio::time::sleep(limits::CERTIFICATE_CHECK_INTERVAL).await;
            let tls = self.clone();
            let checked = tokio::task::spawn_blocking(move || {
                if tls.has_changed() {
                    tls.reload();
                }
            });
            // An error means that the runtime is stopping.
            let _ = checked.await;
        }
    }

    fn has_changed(&self) -> bool {
        let read = *self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        read != [self.0.certificate.as_path(), &self.0.key].map(version)
    }
}

fn version(path: &Path) -> Version {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

fn load(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let invalid = |path: &Path, why: String| format!("cannot use {} for TLS: {why}", path.display());
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| invalid(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(invalid(
            certificate,
            "it has no certificate (BEGIN CERTIFICATE)".to_owned(),
        ));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| invalid(key, error.to_string()))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = builder.with_no_client_auth().with_single_cert(chain, private);
    let mut config = config.map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => invalid(key, format!("it is not the key of {}", certificate.display())),
        error => invalid(certificate, error.to_string()),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
