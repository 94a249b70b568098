//! The text of an error for people.

/// An error with its causes, each named once: most errors contain the text of their cause already.
pub fn message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message.push_str(": ");
            message.push_str(&cause);
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_cause_is_named_once() {
        let refused = || io::Error::from(io::ErrorKind::PermissionDenied);
        let error = crate::store::Error::io("open", "ledger.csv".as_ref())(refused());
        let error = anyhow::Error::from(error).context("the catalog does not start");
        assert_eq!(
            message(&error),
            "the catalog does not start: cannot open ledger.csv: permission denied"
        );
    }
}
