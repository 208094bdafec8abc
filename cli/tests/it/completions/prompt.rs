//! The prompt of a real shell.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::credentials::Home;

/// Completes the last word.
pub const TAB: &str = "\t";
/// Inserts all candidates for the last word.
const ALL: &str = "\u{18}a";
/// Writes down the line, and clears it.
const SHOW: &str = "\u{18}p";

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    /// Whether it is installed; if not, it says what is not tested.
    pub fn is_installed(self) -> bool {
        let is_installed = Command::new(self.name()).arg("--version").output().is_ok();
        if !is_installed {
            eprintln!("{0} is not installed, so what {0} completes is not tested", self.name());
        }
        is_installed
    }

    /// The candidates for the last word of each line, as they would stand in it.
    pub fn candidates(self, home: &Home, address: &str, lines: &[&str]) -> Vec<Vec<String>> {
        if self == Self::Fish {
            return fish(home, address, lines);
        }
        let keys: Vec<String> = lines.iter().map(|line| format!("{line}{ALL}")).collect();
        let inserted = self.lines(home, address, &keys);
        let words = |(line, typed): (&String, &&str)| {
            if line.as_str() == typed.trim_end() || line == typed {
                return Vec::new();
            }
            let before = typed.rfind(' ').map_or(0, |space| space + 1);
            line[before..].split_whitespace().map(str::to_owned).collect()
        };
        inserted.iter().zip(lines).map(words).collect()
    }

    /// What stands in each line when these keys have been pressed.
    pub fn lines(self, home: &Home, address: &str, keys: &[String]) -> Vec<String> {
        let shown = home.write("shown", "");
        let mut shell = self.command(home, address);
        shell.env("SHOWN", &shown);
        match self {
            Self::Bash => {
                let rc = home.write("bashrc", include_str!("prompt.bash"));
                let keys: String = keys.iter().map(|keys| format!("{keys}{SHOW}")).collect();
                typed(shell.args(["--noprofile", "--rcfile", &rc, "-i"]), &keys);
            }
            Self::Zsh => {
                let rc = home.write(".zshrc", include_str!("prompt.zsh"));
                let keys: String = keys.iter().map(|keys| format!("{keys}{SHOW}\n")).collect();
                typed(shell.env("ZDOTDIR", Path::new(&rc).parent().unwrap()).args(["-f", &rc]), &keys);
            }
            Self::Fish => unreachable!("its candidates are asked for without a prompt"),
        }
        fs::read_to_string(shown).unwrap().lines().map(str::to_owned).collect()
    }

    /// The shell, at home, where directories have the names of clusters.
    fn command(self, home: &Home, address: &str) -> Command {
        let directory = Path::new(&home.write("dev/file", "")).ancestors().nth(2).unwrap().to_owned();
        let mut path = OsString::from(Path::new(env!("CARGO_BIN_EXE_eks-nodegroup-updater")).parent().unwrap());
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut shell = Command::new(self.name());
        let program = home.command(address, &[]);
        shell.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.env("PATH", path).env("TERM", "xterm").current_dir(directory);
        shell
    }
}

fn fish(home: &Home, address: &str, lines: &[&str]) -> Vec<Vec<String>> {
    let mut shell = Shell::Fish.command(home, address);
    let answer = typed(
        shell.args(["--no-config", &home.write("prompt.fish", include_str!("prompt.fish"))]),
        &(lines.join("\n") + "\n"),
    );
    let answers = answer.split("<end>\n").map(|answer| {
        let values = answer.lines().map(|line| line.split('\t').next().unwrap_or_default());
        // Fish quotes candidates when it inserts them.
        values.map(|value| value.replace('*', r"\*")).collect()
    });
    answers.take(lines.len()).collect()
}

/// Types this, and returns what it prints.
fn typed(shell: &mut Command, keys: &str) -> String {
    let mut process = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
    String::from_utf8(process.wait_with_output().unwrap().stdout).unwrap()
}
