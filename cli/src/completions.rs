//! `completions`: the completion script for a shell.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::failure::Failure;
use terminal::output::print;

/// The program.
pub const NAME: &str = "eks-nodegroup-updater";

/// Print the completion script for a shell
#[derive(Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn run(self, command: &mut Command) -> Result<(), Failure> {
        Ok(print(&script(self.shell, command)).map(drop)?)
    }
}

fn script(shell: Shell, command: &mut Command) -> String {
    // For bash, clap_complete writes the hyphens of a program's name in two ways, so that nothing after the first word is
    // completed (clap-rs/clap#6421). So it gets a name without hyphens, and the real name is inserted into the call of
    // `complete`.
    let name = if shell == Shell::Bash { NAME.replace('-', "_") } else { NAME.to_owned() };
    let mut script = Vec::new();
    clap_complete::generate(shell, command, &name, &mut script);
    let script = String::from_utf8_lossy(&script);
    script.replace(&format!("-o default {name}\n"), &format!("-o default {NAME}\n"))
}
