//! One shell that runs commands one after the other, as a person would at a terminal.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use std::{env, thread};

/// The longest that one command, or the first output of a background command, may take.
const STEP_MAX: Duration = Duration::from_secs(60);
/// The line that follows the output of each command.
const MARK: &str = "-- end of a step --";
/// The shell's loop; it reads commands from descriptor 3, so that no command reads the next one as its input.
const LOOP: &str = r#"exec 2>&1 3<&0 </dev/null
while IFS= read -r -u 3 line; do eval "$line" 3<&-; printf '\n%s\n' "$MARK"; done"#;

/// A `bash` with its own home folder. Its processes are killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Shell {
    bash: Child,
    input: ChildStdin,
    output: Receiver<String>,
}

impl Shell {
    /// Starts in `folder`, with `programs` first on the `PATH`. Every service listens on a free port.
    pub(crate) fn start(folder: &Path, home: &Path, programs: &Path) -> Self {
        let mut path = OsString::from(programs);
        path.push(":");
        path.push(env::var_os("PATH").unwrap());
        let mut bash = Command::new("bash")
            .args(["-c", LOOP])
            .current_dir(folder)
            .env_clear()
            .envs([("MARK", MARK), ("LC_ALL", "C.UTF-8"), ("TERM", "dumb")])
            .envs(
                ["BOOKSTORE_LISTEN", "BOOKSTORE_CATALOG_LISTEN", "BOOKSTORE_ORDER_LISTEN"]
                    .map(|name| (name, "127.0.0.1:0")),
            )
            .env("PATH", path)
            .envs(["HOME", "TMPDIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"].map(|name| (name, home)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let (input, printed) = (bash.stdin.take().unwrap(), bash.stdout.take().unwrap());
        let (line, output) = channel();
        thread::spawn(move || {
            for read in BufReader::new(printed).lines() {
                if line.send(read.unwrap()).is_err() {
                    break;
                }
            }
        });
        Self { bash, input, output }
    }

    /// Runs a command to its end and returns its output lines. For a background command (`… &`) it returns the lines until
    /// `enough` holds.
    pub(crate) fn run(&mut self, command: &str, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        writeln!(self.input, "{command}").unwrap();
        let until = Instant::now() + STEP_MAX;
        let (mut lines, mut ended) = (Vec::new(), false);
        let in_background = command.ends_with('&');
        while !ended || (in_background && !enough(&lines)) {
            let Ok(line) = self
                .output
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            else {
                panic!("`{command}` took more than {STEP_MAX:?}, or ended the shell; it printed {lines:#?}");
            };
            if line == MARK {
                ended = true;
                // The line break before the mark ends a last line without one, or makes an empty line.
                if lines.last().is_some_and(String::is_empty) {
                    lines.pop();
                }
            } else {
                lines.push(line);
            }
        }
        lines
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("-{}", self.bash.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.bash.wait();
    }
}
