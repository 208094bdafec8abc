//! What real shells complete.

mod prompt;

use std::thread;
use std::time::{Duration, Instant};

use self::prompt::{Shell, TAB};
use crate::credentials::Home;
use crate::proxy::{self, Recorder};
use crate::served::{Ended, Served};

/// Two profiles with keys, and the regions of three.
fn home(test: &str) -> Home {
    let config =
        "[default]\nregion = eu-west-1\n[profile ops:admin]\nregion = us-east-1\n[profile odd]\nregion = `id`\n";
    let home = Home::new(&format!("completions-{test}"), config);
    home.write(
        ".aws/credentials",
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = x\n\
         [ops:admin]\naws_access_key_id = AKIAOPS\naws_secret_access_key = x\n",
    );
    home
}

/// What is typed behind the program's name, and the candidates for its last word.
const LINES: [(&str, &[&str]); 33] = [
    // Commands and options.
    ("hi", &["history"]),
    ("run ", &["start", "check", "help"]),
    ("plan --f", &["--filter"]),
    ("opt-in dev/sandbox --no", &["--notify"]),
    ("quarantine lift --y", &["--yes"]),
    ("plan --color ", &["auto", "always", "never"]),
    ("nodegroups --decision BackingO", &["BackingOff"]),
    ("completions z", &["zsh"]),
    // Profiles and regions.
    ("plan --profile ", &["default", "odd", "ops:admin"]),
    ("plan --profile ops:", &["ops:admin"]),
    ("plan --profile=op", &["--profile=ops:admin"]),
    ("--profile od", &["odd"]),
    ("status --region ", &["eu-central-1", "eu-west-1", "us-east-1"]),
    ("status --region eu-central-1 --region us", &["us-east-1"]),
    // Clusters and node groups.
    ("explain ", &["data/", "dev/", "prod/", "staging/"]),
    ("explain d", &["data/", "dev/"]),
    ("explain dev/", &["dev/ingress", "dev/sandbox", "dev/windows"]),
    ("explain dev/sand", &["dev/sandbox"]),
    ("explain nowhere/", &[]),
    ("explain dev/sandbox ", &[]),
    ("history st", &["staging/"]),
    ("rollback prod/web --to 1.32.8-20260610 data/e", &["data/etl"]),
    // Patterns, where they are accepted.
    ("opt-in dev/", &[r"dev/\*", "dev/ingress", "dev/sandbox", "dev/windows"]),
    (r"opt-in data/\* dev/\*", &[r"dev/\*"]),
    ("opt-in 'data/*' dev/sa", &["dev/sandbox"]),
    ("plan --filter dev/sa", &["dev/sandbox"]),
    ("explain dev/*", &[]),
    // Rules.
    ("set dev/sandbox ri", &["ring="]),
    ("set dev/sandbox st", &["staging/", "stale-after=", "stuck-after="]),
    ("set dev/sandbox mode=a", &["mode=auto"]),
    ("set dev/sandbox 'window=Sat 02:00-06:00 UTC' force=a", &["force=after-eviction-failure"]),
    ("set dev/sandbox stale-after=", &["stale-after=never"]),
    ("set dev/sandbox ring=", &[]),
];

fn completes(shell: Shell) {
    if !shell.is_installed() {
        return;
    }
    let served = Served::at_speed("60");
    let lines: Vec<String> = LINES.iter().map(|(line, _)| format!("eks-nodegroup-updater {line}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let candidates = shell.candidates(&home(&format!("{shell:?}")), &served.address, &lines);
    let completed: Vec<(&str, Vec<&str>)> = LINES
        .iter()
        .zip(&candidates)
        .map(|((line, _), all)| (*line, all.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(completed, LINES.map(|(line, expected)| (line, expected.to_vec())));
}

#[test]
fn bash_completes_every_kind_of_word() {
    completes(Shell::Bash);
}

#[test]
fn zsh_completes_every_kind_of_word() {
    completes(Shell::Zsh);
}

#[test]
fn fish_completes_every_kind_of_word() {
    completes(Shell::Fish);
}

/// What the line becomes, with the spaces at its end.
fn typed(shell: Shell, keys: &[&str]) -> Vec<String> {
    let served = Served::at_speed("60");
    let keys: Vec<String> =
        keys.iter().map(|keys| format!("eks-nodegroup-updater {}", keys.replace("TAB", TAB))).collect();
    let lines = shell.lines(&home(&format!("typed-{shell:?}")), &served.address, &keys);
    lines.iter().map(|line| line.strip_prefix("eks-nodegroup-updater ").unwrap().to_owned()).collect()
}

/// Keys that make the same line in bash and zsh.
const KEYS: [(&str, &str); 7] = [
    ("hiTABdev/saTAB", "history dev/sandbox "),
    ("explain deTABsTAB", "explain dev/sandbox "),
    (r"plan --filter deTAB\*TAB", r"plan --filter dev/\* "),
    ("set dev/sandbox riTAB2 mode=nTAB", "set dev/sandbox ring=2 mode=notify "),
    ("plan --profile=oTABps:TAB", "plan --profile=ops:admin "),
    ("plan --reTABus-TAB", "plan --region us-east-1 "),
    ("explain dev/xTAB", "explain dev/x"),
];

#[test]
fn a_space_follows_only_a_whole_word() {
    for shell in [Shell::Bash, Shell::Zsh].into_iter().filter(|shell| shell.is_installed()) {
        assert_eq!(typed(shell, &KEYS.map(|(keys, _)| keys)), KEYS.map(|(_, line)| line), "{shell:?}");
    }
}

#[test]
fn options_are_offered_before_a_hyphen_where_nothing_else_can_follow() {
    let candidates = Shell::Bash.candidates(&home("options"), "127.0.0.1:1", &["eks-nodegroup-updater resume "]);
    assert!(candidates[0].contains(&"--yes".to_owned()), "{candidates:?}");
}

#[test]
fn bash_completes_all_values_of_a_rule_and_within_quotes() {
    let served = Served::at_speed("60");
    let home = home("bash");
    let line = "eks-nodegroup-updater set dev/sandbox force=";
    assert_eq!(Shell::Bash.candidates(&home, &served.address, &[line]), [["force=never", "after-eviction-failure"]]);
    let keys = ["explain 'dev/sTAB", "explain \"dev/sTAB", "explain 'deTABsTAB", "opt-in 'dev/*TAB"];
    let lines = ["explain 'dev/sandbox'", "explain \"dev/sandbox\"", "explain dev/sandbox ", "opt-in 'dev/*'"];
    assert_eq!(typed(Shell::Bash, &keys), lines);
}

#[test]
fn a_list_is_one_call_with_the_profile_and_the_region_of_the_line() {
    let home = home("calls");
    let aws = Recorder::new(|_| None);
    let asked = |line: &str| {
        Shell::Bash.candidates(&home, &aws.address, &[&format!("eks-nodegroup-updater {line}")]);
        let requests = aws.take().into_iter().map(|(name, signature)| {
            let signature = signature.unwrap();
            (name, signature.key_id, signature.region)
        });
        requests.collect::<Vec<_>>()
    };
    let request =
        |path: &str, key_id: &str, region: &str| (format!("GET {path} HTTP/1.1"), key_id.to_owned(), region.to_owned());
    assert_eq!(asked("explain "), [request("/clusters", "AKIADEFAULT", "eu-central-1")]);
    let nodegroups = [request("/clusters/dev/node-groups", "AKIAOPS", "us-east-1")];
    assert_eq!(asked("explain --profile ops:admin --region=us-east-1 dev/"), nodegroups);
    assert_eq!(asked("--profile=ops:admin set --region us-east-1 dev/sandbox ring=1 x=y dev/"), nodegroups);
    let mut regions = asked("opt-in --region us-east-1 --region eu-west-1 ");
    regions.sort();
    let both = ["eu-west-1", "us-east-1"].map(|region| request("/clusters", "AKIADEFAULT", region));
    assert_eq!(regions, both);
    for line in ["hi", "plan --fi", "plan --profile ", "plan --region ", "set dev/sandbox force=", "explain */"] {
        assert_eq!(asked(line), [], "{line}");
    }
}

#[test]
fn names_that_eks_does_not_allow_are_left_out() {
    let aws = Recorder::new(|request| {
        let names = r#"["ok_1", "$(id)", "a b", "a;b", "`id`", "a\nb", "\u001b[2J", "a/b", "*", ""]"#;
        let body = match request.first_line.contains("/node-groups") {
            true => format!(r#"{{"nodegroups": {names}}}"#),
            false => format!(r#"{{"clusters": {names}}}"#),
        };
        Some(proxy::answer("200 OK", "", &body))
    });
    let lines = ["eks-nodegroup-updater opt-in ", "eks-nodegroup-updater opt-in ok_1/"];
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish].into_iter().filter(|shell| shell.is_installed()) {
        let candidates = shell.candidates(&home(&format!("hostile-{shell:?}")), &aws.address, &lines);
        assert_eq!(candidates, [["ok_1/"], ["ok_1/ok_1"]], "{shell:?}");
    }
}

#[test]
fn a_region_that_cannot_be_listed_does_not_hide_another() {
    let aws = Recorder::new(|request| {
        let is_denied = request.signature.as_ref().is_some_and(|signature| signature.region == "us-east-1");
        let denied = || proxy::answer("403 Forbidden", "x-amzn-errortype: AccessDeniedException\r\n", "{}");
        is_denied.then(denied)
    });
    let line = "eks-nodegroup-updater explain --region us-east-1 --region eu-central-1 d";
    assert_eq!(Shell::Bash.candidates(&home("region"), &aws.address, &[line]), [["data/", "dev/"]]);
}

/// What the program answers to a script that passes these words.
fn answer(home: &Home, address: &str, shell: &str, words: &[&str]) -> Ended {
    let mut program = home.command(address, &[&["--"], words].concat());
    program.env("EKS_NODEGROUP_UPDATER_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", "2").env("_CLAP_IFS", "\n");
    let output = program.output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The scripts of these two are clap_complete's.
#[test]
fn elvish_and_powershell_are_answered_as_their_scripts_ask() {
    let (home, served) = (home("others"), Served::at_speed("60"));
    let answered = |stdout: &str| Ended { code: Some(0), stdout: stdout.to_owned(), stderr: String::new() };
    let words = ["eks-nodegroup-updater", "explain", "data/s"];
    assert_eq!(answer(&home, &served.address, "elvish", &words), answered("data/search\ndata/spark"));
    assert_eq!(answer(&home, &served.address, "powershell", &words), answered("data/search\ndata/spark\n"));
}

#[test]
fn nothing_is_offered_and_nothing_is_said_without_an_answer() {
    let home = home("nothing");
    let silence = Ended { code: Some(0), stdout: String::new(), stderr: String::new() };
    let answer =
        |address: &str, line: &str| answer(&home, address, "fish", &[&format!("eks-nodegroup-updater {line}")]);
    for options in ["", "--profile nosuch ", "--profile odd ", "--region '' ", "--profile nosuch --help "] {
        assert_eq!(answer("127.0.0.1:1", &format!("explain {options}")), silence, "{options}");
    }
}

#[test]
fn a_region_that_does_not_answer_in_time_hides_no_other() {
    let aws = Recorder::new(|request| {
        let hangs = request.signature.as_ref().is_some_and(|signature| signature.region == "us-east-1");
        if hangs {
            loop {
                thread::park();
            }
        }
        None
    });
    let line = "eks-nodegroup-updater explain --region us-east-1 --region eu-central-1 d";
    let started = Instant::now();
    let stdout = "data/\ndev/\n".to_owned();
    assert_eq!(
        answer(&home("hanging"), &aws.address, "fish", &[line]),
        Ended { code: Some(0), stdout, stderr: String::new() }
    );
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
