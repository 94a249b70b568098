//! Completion scripts and man pages of both programs, made from the definitions of their command lines.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Command, ValueHint};
use clap_complete::Shell;

/// The arguments of `completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

impl CompletionsArgs {
    /// Prints the script of a program for the shell.
    ///
    /// # Errors
    /// Those of standard output.
    pub fn run(&self, mut program: Command) -> io::Result<()> {
        let mut script = Vec::new();
        let name = program.get_name().to_owned();
        clap_complete::generate(self.shell, &mut program, name, &mut script);
        print(&script)
    }
}

/// The arguments of `man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Write the pages to this folder instead of printing one
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
}

impl ManArgs {
    /// Prints a program's man page, or writes one page for each command to the folder.
    ///
    /// # Errors
    /// Those of standard output and of the folder.
    pub fn run(&self, program: Command) -> io::Result<()> {
        match &self.folder {
            Some(folder) => write_pages(program, folder),
            None => {
                let mut page = Vec::new();
                clap_mangen::Man::new(program).render(&mut page)?;
                print(&page)
            }
        }
    }
}

fn write_pages(program: Command, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(program, folder)
}

/// Prints; ignores a closed pipe, as in `man | head`.
fn print(output: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(output).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}
