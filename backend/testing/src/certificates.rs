//! Certificates of a test's own certificate authority, created by `openssl`.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A certificate authority. Dropping it removes its files.
#[derive(Debug)]
pub struct Authority(TempDir);

/// The files of a certificate.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate in PEM format.
    pub certificate: PathBuf,
    /// The private key in PEM format.
    pub key: PathBuf,
}

impl Authority {
    /// Makes an authority.
    ///
    /// # Panics
    /// If `openssl` fails.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        openssl(
            folder.path(),
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout ca.key \
             -out ca.pem",
        );
        Self(folder)
    }

    /// The authority's own certificate.
    pub fn ca(&self) -> PathBuf {
        self.0.path().join("ca.pem")
    }

    /// Makes a certificate for `127.0.0.1`.
    ///
    /// # Panics
    /// If `openssl` fails.
    pub fn issue(&self, name: &str) -> Certificate {
        self.issue_for(name, "IP:127.0.0.1", 2)
    }

    /// Makes a certificate for other names (`DNS:shop.example`) that is valid for `days` days from now.
    ///
    /// # Panics
    /// If `openssl` fails.
    pub fn issue_for(&self, name: &str, names: &str, days: i32) -> Certificate {
        let folder = self.0.path();
        std::fs::write(folder.join(format!("{name}.ext")), format!("subjectAltName={names}")).unwrap();
        openssl(
            folder,
            &format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=shop -keyout {name}.key -out {name}.csr"
            ),
        );
        openssl(
            folder,
            &format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -days {days} -extfile {name}.ext -out {name}.pem"
            ),
        );
        Certificate {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Certificate {
    /// The flags of a service with this certificate.
    ///
    /// # Panics
    /// If the folder for temporary files has a name that is not UTF-8.
    pub fn flags(&self) -> [&str; 4] {
        [
            "--tls-cert",
            self.certificate.to_str().unwrap(),
            "--tls-key",
            self.key.to_str().unwrap(),
        ]
    }

    /// Replaces the files by those of another certificate.
    ///
    /// # Panics
    /// If the files cannot be written.
    pub fn replace_by(&self, other: &Self) {
        for (to, from) in [(&self.certificate, &other.certificate), (&self.key, &other.key)] {
            // A rename replaces the file atomically, as programs that renew certificates do.
            let fresh = to.with_extension("new");
            std::fs::copy(from, &fresh).unwrap();
            std::fs::rename(&fresh, to).unwrap();
        }
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    let made = command
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "openssl {arguments}: {made:?}");
}
