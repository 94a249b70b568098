//! Other programs: measured ones and measuring ones.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The path of a program on `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

pub(crate) fn output(program: &str, arguments: &[&str]) -> Result<String> {
    run(Command::new(program).args(arguments))
}

/// Runs a command and returns its standard output.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| name.clone())?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed: {stderr}");
    Ok(String::from_utf8(output.stdout)?)
}

/// The number that follows `word`.
pub(crate) fn number_after(text: &str, word: &str) -> Result<f64> {
    let (_, rest) = text.split_once(word).context(format!("no {word} in {text:?}"))?;
    let number = rest.split_whitespace().next().unwrap_or_default();
    number.parse().with_context(|| format!("{word}{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_after_its_word() {
        let text = "Requests/sec:  12345.60\nTransfer/sec: 1MB";
        assert_eq!(number_after(text, "Requests/sec:").unwrap(), 12345.6);
        assert!(number_after(text, "Transfer/sec:").is_err());
        assert!(number_after(text, "tps = ").is_err());
    }
}
