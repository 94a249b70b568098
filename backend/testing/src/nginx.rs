//! nginx with Debian's configuration as a reverse proxy.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::certificates::{Authority, Certificate};
use crate::wait::POLL_INTERVAL;
use crate::{ReservedAddress, WAIT_TIMEOUT, skip_or_fail};

const NGINX: &str = "/usr/sbin/nginx";
const CONFIGURATION: &str = "/etc/nginx/nginx.conf";

/// A running proxy, killed when this is dropped.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    address: ReservedAddress,
    /// Contains the configuration.
    _folder: TempDir,
    /// The authority that signed the certificate; `None` without TLS.
    authority: Option<Authority>,
}

impl Nginx {
    /// Starts a proxy with one `proxy_pass`. `None` if nginx is not installed and tests may be skipped without it.
    ///
    /// # Panics
    /// If nginx does not start, or if its configuration is not Debian's.
    pub fn start(upstream: &str) -> Option<Self> {
        Self::start_with(upstream, false)
    }

    /// [`Self::start`] with TLS for the host `127.0.0.1`; [`Self::ca`] signed the certificate.
    ///
    /// # Panics
    /// As [`Self::start`], or if `openssl` fails.
    pub fn start_tls(upstream: &str) -> Option<Self> {
        Self::start_with(upstream, true)
    }

    fn start_with(upstream: &str, has_tls: bool) -> Option<Self> {
        if !Path::new(NGINX).exists() {
            skip_or_fail("nginx", "install it (Debian: `apt-get install nginx-light openssl`)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let address = ReservedAddress::new().unwrap();
        let mut listen = format!("listen {address};");
        let authority = has_tls.then(Authority::new);
        if let Some(authority) = &authority {
            let Certificate { certificate, key } = authority.issue("server");
            let (certificate, key) = (certificate.display(), key.display());
            listen = format!("listen {address} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};");
        }
        let server = format!("server {{ {listen} location / {{ proxy_pass {upstream}; }} }}");
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, configuration(folder.path(), &server)).unwrap();
        let mut command = Command::new(NGINX);
        // Without a master process, killing this one ends nginx.
        command.args(["-g", "daemon off; master_process off;", "-c"]).arg(&path);
        command.arg("-e").arg(folder.path().join("error.log"));
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let proxy = Self {
            process,
            address,
            _folder: folder,
            authority,
        };
        let start = Instant::now();
        while TcpStream::connect(proxy.address.get()).is_err() {
            assert!(
                start.elapsed() < WAIT_TIMEOUT,
                "nginx does not listen within {WAIT_TIMEOUT:?}"
            );
            std::thread::park_timeout(POLL_INTERVAL);
        }
        Some(proxy)
    }

    /// The URL of the proxy.
    pub fn url(&self) -> String {
        match self.authority {
            Some(_) => format!("https://{}", self.address),
            None => self.address.url(),
        }
    }

    /// The certificate of the authority.
    ///
    /// # Panics
    /// If it has no TLS.
    pub fn ca(&self) -> PathBuf {
        self.authority.as_ref().unwrap().ca()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Debian's configuration with its own files and one server.
fn configuration(folder: &Path, server: &str) -> String {
    let lines = std::fs::read_to_string(CONFIGURATION).unwrap();
    let lines = lines.lines().map(|line| match line.trim().split_once(' ') {
        Some(("pid", _)) => format!("pid {}/pid;", folder.display()),
        Some(("access_log", _)) => "access_log off;".to_owned(),
        Some(("error_log", _)) => String::new(),
        Some(("include", "/etc/nginx/sites-enabled/*;")) => server.to_owned(),
        _ => line.to_owned(),
    });
    let configuration = lines.collect::<Vec<_>>().join("\n");
    assert!(configuration.contains(server), "{CONFIGURATION} is not Debian's");
    configuration
}
