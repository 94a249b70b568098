//! The state of the dialog that confirms the start of the autopilot.

use std::net::IpAddr;

use tui_input::Input;

use super::held_key::HeldKey;

#[derive(Debug, Clone)]
pub(crate) struct RunDialog {
    /// The host that must be typed; `None` for a shop on this machine.
    pub(crate) host: Option<String>,
    pub(crate) input: Input,
    pub(crate) field: RunField,
    pub(super) held_key: HeldKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunField {
    Cancel,
    /// The text field for the host.
    Host,
    Start,
}

impl RunDialog {
    /// The dialog of a shop at this address.
    pub(super) fn new(url: &str, held_key: HeldKey) -> Self {
        Self {
            host: remote_host(url),
            input: Input::default(),
            field: RunField::Cancel,
            held_key,
        }
    }

    /// Whether the host, if one is required, was typed.
    pub(crate) fn can_start(&self) -> bool {
        let typed = self.input.value().trim();
        self.host.as_ref().is_none_or(|host| host.eq_ignore_ascii_case(typed))
    }

    pub(super) fn next_field(&self) -> RunField {
        match self.field {
            RunField::Cancel if self.host.is_some() => RunField::Host,
            RunField::Cancel | RunField::Host => RunField::Start,
            RunField::Start => RunField::Cancel,
        }
    }

    pub(super) fn previous_field(&self) -> RunField {
        match self.field {
            RunField::Start if self.host.is_some() => RunField::Host,
            RunField::Start | RunField::Host => RunField::Cancel,
            RunField::Cancel => RunField::Start,
        }
    }
}

/// The host of an address, unless it names this machine.
fn remote_host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_local = match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.is_empty() || host.eq_ignore_ascii_case("localhost"),
    };
    (!is_local).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_on_another_machine_must_be_typed() {
        for (url, host) in [
            ("http://127.0.0.1:8080", None),
            ("http://localhost", None),
            ("http://[::1]:8080", None),
            ("", None),
            ("http://192.168.1.7:8080", Some("192.168.1.7")),
            ("http://[2001:db8::1]:8080", Some("2001:db8::1")),
            ("https://shop.example/books", Some("shop.example")),
            ("http://localhost.example:80", Some("localhost.example")),
        ] {
            assert_eq!(remote_host(url).as_deref(), host, "{url}");
        }
    }
}
