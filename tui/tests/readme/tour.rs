//! Runs the tour of README.md in one shell and compares what is printed.

use std::path::Path;

use super::page::{matches, steps};
use super::shell::Shell;

/// The commands that a skipped block may contain: they build, or open a full screen.
const MAY_BE_SKIPPED: [&str; 3] = ["cargo run", "cargo test", "cargo install"];

/// The page names the default ports; the services of the test listen on free ones, whatever else runs on the machine.
#[derive(Default)]
struct Ports(Vec<(String, String)>);

impl Ports {
    /// Reads the addresses of services from the printed lines, and exports them to the shell's later commands.
    fn learn(&mut self, printed: &[String], found: &[String], shell: &mut Shell) {
        let listening = |line: &String| {
            let (name, url) = line.strip_prefix("listening ")?.split_once(' ')?;
            Some((name.to_owned(), url.to_owned()))
        };
        for (name, on_the_page) in printed.iter().filter_map(listening) {
            let Some((_, real)) = found.iter().filter_map(listening).find(|(found, _)| *found == name) else {
                continue;
            };
            let export = match name.as_str() {
                "catalog" => format!("export BOOKSTORE_CATALOG_URL={real}"),
                "order" => format!("export BOOKSTORE_ORDER_URL={real}"),
                _ => format!("[ -z \"$BOOKSTORE_URL\" ] || export BOOKSTORE_URL={real}"),
            };
            shell.run(&export, |_| true);
            self.0.retain(|(known, _)| *known != on_the_page);
            self.0.push((on_the_page, real));
        }
    }

    fn to_real(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (page, real)| text.replace(page, real))
    }

    fn to_page(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (page, real)| text.replace(real, page))
    }
}

#[test]
fn every_command_of_the_readme_prints_the_output_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_bookstore")).parent().unwrap();
    assert!(
        programs.join("bookstored").exists(),
        "bookstored is not built: run `cargo build --workspace` or `cargo test --workspace`"
    );
    let page = std::fs::read_to_string(root.join("README.md")).unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut shell = Shell::start(root, home.path(), programs);
    let (mut ports, mut ran) = (Ports::default(), 0);
    for step in steps(&page) {
        let place = format!("README.md:{}: $ {}", step.line, step.command);
        if step.skipped {
            let may = MAY_BE_SKIPPED.iter().any(|command| step.command.starts_with(command));
            assert!(may, "{place}\nonly {MAY_BE_SKIPPED:?} may be skipped");
            continue;
        }
        let enough = |lines: &[String]| lines.len() >= step.printed.len();
        let found = shell.run(&ports.to_real(&step.command), enough);
        ports.learn(&step.printed, &found, &mut shell);
        let found: Vec<String> = found.iter().map(|line| ports.to_page(line)).collect();
        assert!(
            matches(&step.printed, &found),
            "{place}\n--- on the page\n{}\n--- printed\n{}",
            step.printed.join("\n"),
            found.join("\n")
        );
        ran += 1;
    }
    assert!(ran > 20, "only {ran} commands were run");
}
