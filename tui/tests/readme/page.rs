//! The `console` blocks of a Markdown page, and how printed output is compared with what a command prints.

use regex::{Regex, escape};

/// The comment before a block that is not run.
const SKIP: &str = "<!-- not run by the tour test: ";
/// Matches any text within a line, or, alone on a line, any number of lines.
const ANY: &str = "…";

/// One line that begins with `$ `, and the lines printed below it.
#[derive(Debug)]
pub(crate) struct Step {
    /// The line's number on the page, from 1.
    pub(crate) line: usize,
    pub(crate) command: String,
    pub(crate) printed: Vec<String>,
    /// Whether a comment before the block says that it is not run.
    pub(crate) skipped: bool,
}

/// Every step of the page, in order.
pub(crate) fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut inside, mut skipped) = (false, false);
    for (number, line) in (1..).zip(page.lines()) {
        if !inside {
            inside = line == "```console";
            if !inside {
                skipped = line.starts_with(SKIP);
            }
        } else if line == "```" {
            (inside, skipped) = (false, false);
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                line: number,
                command: command.to_owned(),
                printed: Vec::new(),
                skipped,
            });
        } else {
            let step = steps
                .last_mut()
                .unwrap_or_else(|| panic!("line {number}: output before any command"));
            step.printed.push(line.to_owned());
        }
    }
    assert!(!inside, "a block is not closed");
    steps
}

/// Whether the printed lines match the lines on the page.
pub(crate) fn matches(expected: &[String], found: &[String]) -> bool {
    let pattern = expected.iter().map(|line| match line.as_str() {
        ANY => r"(.*\n)*".to_owned(),
        line => escape(line).replace(ANY, ".*") + r"\n",
    });
    let pattern = Regex::new(&format!("^{}$", pattern.collect::<String>())).unwrap();
    let found: String = found.iter().map(|line| format!("{line}\n")).collect();
    pattern.is_match(&found)
}

fn lines(text: &[&str]) -> Vec<String> {
    text.iter().map(|&line| line.to_owned()).collect()
}

#[test]
fn a_page_is_read_as_its_commands_with_their_output() {
    let page = "text\n```console\n$ a\none\n$ b &\n```\n<!-- not run by the tour test: slow -->\n```console\n$ c\n```\n\
                ```console\n$ d\n```\n```sh\n$ no\n```";
    let steps = steps(page);
    let read: Vec<_> = steps
        .iter()
        .map(|step| (step.line, step.command.as_str(), step.skipped))
        .collect();
    assert_eq!(
        read,
        [(3, "a", false), (5, "b &", false), (9, "c", true), (12, "d", false)]
    );
    assert_eq!(steps[0].printed, ["one"]);
}

#[test]
fn an_ellipsis_stands_for_any_text_and_alone_for_any_lines() {
    for (expected, found, same) in [
        (&["a"][..], &["a"][..], true),
        (&["a"], &["a", "b"], false),
        (&["a"], &["ab"], false),
        (&["a…"], &["ab"], true),
        (&["a…c"], &["abc"], true),
        (&["a…c"], &["ab"], false),
        (&["a…c…e"], &["abcde"], true),
        (&["a…c…e"], &["abde"], false),
        (&["a", "…"], &["a"], true),
        (&["a", "…", "d"], &["a", "b", "c", "d"], true),
        (&["a", "…", "d"], &["a", "b"], false),
        (&["…a"], &[], false),
    ] {
        assert_eq!(matches(&lines(expected), &lines(found)), same, "{expected:?} {found:?}");
    }
}
