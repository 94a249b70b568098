//! Whose certificates a client of `https://` addresses trusts. The implementation is rustls with ring.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// No certificate authorities, so every certificate is refused: for clients that speak only plain HTTP and need not read the
/// system's certificates.
pub(super) fn trust_none() -> Result<ClientConfig, rustls::Error> {
    config(RootCertStore::empty())
}

/// Trusts the authorities in a PEM file; without one, those of the system.
pub(super) fn trust(ca: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => add_file(&mut roots, path).map_err(|why| format!("{}: {why}", path.display()))?,
        None => {
            // A certificate of the system that cannot be read is left out; only having none is an error.
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err("the system has no certificates; name a file with --ca".to_owned());
            }
        }
    }
    config(roots).map_err(|error| error.to_string())
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

fn config(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
