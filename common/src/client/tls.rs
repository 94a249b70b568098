//! The certificates that a client of `https://` trusts, and its TLS connections. The implementation is rustls with ring.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Stream;

/// Opens TLS connections to one host.
pub(super) struct TlsHost {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl TlsHost {
    /// `host` is in the form of a URL's host; `None` if it is no valid server name.
    pub(super) fn new(tls: &Arc<ClientConfig>, host: &str) -> Option<Self> {
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).ok()?;
        Some(Self {
            connector: Arc::clone(tls).into(),
            name,
        })
    }

    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<Stream> {
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        Ok(Stream::Tls(Box::new(stream.into())))
    }
}

impl std::fmt::Debug for TlsHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.name.fmt(f)
    }
}

/// Explains a TLS error and its remedy; `None` for another error.
pub(super) fn explain(error: &(dyn StdError + 'static)) -> Option<String> {
    let text = match find(error)? {
        rustls::Error::InvalidCertificate(error) => match error {
            // `BadSignature`: the issuer has the name of a trusted authority, but another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "its certificate is signed by an authority that is not trusted here; name the file with the \
                 authority's certificate with --ca"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired; renew it, or set this machine's clock"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet; set this machine's clock"
            }
            CertificateError::NotValidForName => "its certificate is for other names; use one of them in the address",
            CertificateError::NotValidForNameContext { expected, presented } => {
                let expected = expected.to_str();
                let presented = match presented.is_empty() {
                    true => "no name".to_owned(),
                    false => presented.join(", "),
                };
                return Some(format!(
                    "its certificate is for {presented}, not for {expected}; use an address that it is for, or get a \
                     certificate for this one"
                ));
            }
            error if error.to_string().contains("CaUsedAsEndEntity") => {
                "its certificate is an authority's (CA:TRUE); give the service one of its own"
            }
            _ => return None,
        },
        rustls::Error::InvalidMessage(_) => "it does not speak TLS; does its address begin with http://?",
        _ => return None,
    };
    Some(text.to_owned())
}

/// The rustls error that an I/O error may wrap.
fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    match error.downcast_ref::<io::Error>() {
        Some(wrapping) => find(wrapping.get_ref()?),
        None => error.downcast_ref(),
    }
}

/// Trusts no certificate: for clients of plain HTTP, which need not load the system's certificates.
pub(super) fn trust_none() -> Result<ClientConfig, String> {
    config(RootCertStore::empty())
}

/// Trusts the authorities in a PEM file; without a file, the system's.
pub(super) fn trust(ca: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => add_file(&mut roots, path).map_err(|why| format!("{}: {why}", path.display()))?,
        None => {
            // Skips unreadable certificates of the system; it is an error only if none is left.
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err("the system has no certificates; name a file with --ca".to_owned());
            }
        }
    }
    config(roots)
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())? {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    match roots.is_empty() {
        true => Err("it has no certificate (BEGIN CERTIFICATE)".to_owned()),
        false => Ok(()),
    }
}

fn config(roots: RootCertStore) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
