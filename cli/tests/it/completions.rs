//! The completions of bash, as a real bash makes them.

use std::process::Command;

/// What bash completes behind these words, of which the last is only begun.
fn completed(words: &[&str]) -> Vec<String> {
    let binary = env!("CARGO_BIN_EXE_eks-nodegroup-updater");
    let script = Command::new(binary).args(["completions", "bash"]).output().unwrap();
    let begun = words.len() - 1;
    let before = if begun == 0 { "eks-nodegroup-updater" } else { words[begun - 1] };
    // As bash itself does: it calls the function with the program, the word that is begun, and the one before.
    let ask = r#"
        eval "$SCRIPT"
        [[ $(complete -p eks-nodegroup-updater) =~ -F\ ([^ ]+) ]]
        COMP_WORDS=(eks-nodegroup-updater "${@:3}")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        "${BASH_REMATCH[1]}" eks-nodegroup-updater "$1" "$2"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", ask, "bash", words[begun], before]).args(words);
    let output = bash.env("SCRIPT", String::from_utf8(script.stdout).unwrap()).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_options_at_every_depth() {
    assert_eq!(completed(&["hist"]), ["history"]);
    assert_eq!(completed(&["plan", "--f"]), ["--filter"]);
    assert_eq!(completed(&["opt-in", "--no"]), ["--notify"]);
    assert_eq!(completed(&["run", "st"]), ["start"]);
    assert_eq!(completed(&["quarantine", "lift", "--y"]), ["--yes"]);
    assert_eq!(completed(&["plan", "--output", "j"]), ["json"]);
}
