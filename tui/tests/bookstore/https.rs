//! A shop behind `https://`.

use testing::Process;
use testing::nginx::Nginx;

use crate::front_end::{bookstore, exit_and_output, serve_all};

#[test]
fn an_https_address_is_trusted_with_the_authority_s_certificate_only() {
    let folder = tempfile::tempdir().unwrap();
    let services = Process::start(&mut serve_all(folder.path(), "127.0.0.1:0"), 3).unwrap();
    let Some(proxy) = Nginx::start_tls(services.url("frontend")) else {
        return;
    };
    let (url, ca) = (proxy.url(), proxy.ca().display().to_string());
    let (exit, out, err) = exit_and_output(&bookstore(&format!("--url {url} --ca {ca} --json buy 2")));
    assert_eq!((exit, err.as_str()), (0, ""));
    assert!(out.contains(r#""stock":499"#), "{out}");
    let (exit, _, err) = exit_and_output(&bookstore(&format!("--url {url} topics")));
    assert!(exit == 3 && err.contains("certificate"), "{err}");
    let no_certificate = folder.path().join("empty.pem");
    std::fs::write(&no_certificate, "").unwrap();
    let (exit, _, err) = exit_and_output(&bookstore(&format!(
        "--url {url} --ca {} topics",
        no_certificate.display()
    )));
    assert!(exit == 2 && err.contains("empty.pem"), "{err}");
}
