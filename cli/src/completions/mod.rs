//! `completions`: the script that makes a shell ask this program for candidates, and the answers.
//!
//! The candidates are those of clap_complete's engine. Its scripts serve elvish and PowerShell; those for bash, zsh and fish are
//! written here, because clap_complete's split words at colons and equals signs and expand `*` (bash, clap-rs/clap#6280), add a
//! space after `ring=` (zsh), and pass quotes on (all three). These pass the line as it is typed, up to the cursor.
//!
//! | module | content |
//! |---|---|
//! | `line.rs` | the line, and its candidates |
//! | `values.rs` | which arguments have candidates of which kind |
//! | `names.rs` | clusters and node groups |
//! | `profiles.rs` | profiles, and the regions that they name |
//! | `shells.rs` | how each shell asks, and reads the answer |

mod line;
mod names;
mod profiles;
mod shells;
mod values;

use std::env;
use std::time::Duration;

use clap::{Args, Command, ValueEnum as _};
use clap_complete::Shell;
use eks_nodegroup_updater::config::process_environment;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::failure::Failure;
use terminal::output::print;

/// The variable in which a script names its shell.
const VARIABLE: &str = "EKS_NODEGROUP_UPDATER_COMPLETE";

/// How long candidates may take. Somebody waits, and the program has to start, too: two seconds in all.
const LIMIT: Duration = Duration::from_millis(1_800);

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
    /// When stdout is closed, or there is no script for the shell.
    pub fn run(self) -> Result<(), Failure> {
        Ok(print(&shells::script(self.shell)?).map(drop)?)
    }
}

/// Answers a shell that asks for candidates, if one does; with nothing where something goes wrong, since a person is typing.
pub fn answer(command: impl Fn() -> Command) -> bool {
    let Some(shell) = process_environment(VARIABLE).and_then(|name| Shell::from_str(&name, false).ok()) else {
        return false;
    };
    let words = env::args_os().skip_while(|word| word != "--").skip(1);
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let _ = print(&shells::answer(shell, &words, command()).unwrap_or_default());
    true
}

/// Waits for it, within the limit.
fn in_time<T>(future: impl Future<Output = T>) -> Option<T> {
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let ready = runtime.block_on(async { timeout(LIMIT, future).await });
    // A look-up of a host's name cannot be interrupted.
    runtime.shutdown_background();
    ready.ok()
}
