//! What a terminal shows while a command waits, and when it is interrupted.
#![cfg(target_os = "linux")]

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use vt100::Parser;

use crate::proxy;
use crate::served::{Served, command};

/// A terminal of 80 columns with a command in it; both are `script`'s.
struct Terminal {
    process: Child,
    keyboard: ChildStdin,
    output: ChildStdout,
    screen: Parser,
}

impl Terminal {
    fn with(address: &str, arguments: &[&str]) -> Self {
        let command = command(address, arguments);
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let words: Vec<&str> = words.map(|word| word.to_str().unwrap()).collect();
        let mut process = Command::new("script")
            .args(["-qec", &format!("stty cols 80 rows 24; exec {}", words.join(" ")), "/dev/null"])
            .envs(command.get_envs().map(|(name, value)| (name, value.unwrap())))
            .envs([("TERM", "xterm")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (keyboard, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let [rows, columns] = [24, 80].map(|number| NonZero::new(number).unwrap());
        Self { process, keyboard, output, screen: Parser::new(rows, columns, 0) }
    }

    /// The lines that are shown.
    fn lines(&self) -> Vec<String> {
        self.screen.screen().contents().lines().map(str::to_owned).collect()
    }

    /// Reads on until a line is shown of which this is true, and returns it; panics if the command ends before.
    fn until(&mut self, is_it: impl Fn(&str) -> bool) -> String {
        loop {
            if let Some(line) = self.lines().into_iter().find(|line| is_it(line)) {
                return line;
            }
            assert!(self.read(), "it ended: {:?}", self.lines());
        }
    }

    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let number = self.output.read(&mut bytes).unwrap();
        self.screen.process(&bytes[..number]);
        number > 0
    }

    /// Reads to the end: the exit code, and what is left on the terminal.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        while self.read() {}
        drop(self.keyboard);
        (self.process.wait().unwrap().code(), self.screen.screen().contents().lines().map(str::to_owned).collect())
    }
}

/// A simulated AWS that lists the node groups of `prod` only when the test lets it.
fn slow_aws() -> (Served, String, Sender<()>) {
    let served = Served::at_speed("60");
    let (let_go, gate) = channel();
    let gate = Mutex::new(gate);
    let proxy = proxy::before(&served, move |request| {
        if request.first_line.starts_with("GET /clusters/prod/node-groups ") {
            // Until the test drops the other end.
            let _: Result<(), _> = Receiver::recv(&gate.lock().unwrap());
        }
        None
    });
    (served, proxy, let_go)
}

fn is_waiting(line: &str) -> bool {
    line.contains("3 of 4 clusters")
}

#[test]
fn a_long_wait_has_numbers_which_are_gone_when_it_is_over() {
    let (_served, proxy, let_go) = slow_aws();
    let mut terminal = Terminal::with(&proxy, &["nodegroups", "prod/*", "dev/*", "data/*", "staging/*"]);
    let line = terminal.until(is_waiting);
    assert!(line.starts_with("━━━━━━━━━━━━━━━━━━       3 of 4 clusters"), "{line}");
    drop(let_go);
    let (code, lines) = terminal.end();
    assert_eq!(code, Some(0));
    assert!(lines.iter().any(|line| line.contains("18 node groups")), "{lines:?}");
    assert!(!lines.iter().any(|line| is_waiting(line) || line.contains('━')), "{lines:?}");
}

#[test]
fn ctrl_c_leaves_nothing_of_the_line() {
    let (_served, proxy, _let_go) = slow_aws();
    let mut terminal = Terminal::with(&proxy, &["nodegroups", "prod/*", "dev/*", "data/*", "staging/*"]);
    terminal.until(is_waiting);
    terminal.keyboard.write_all(b"\x03").unwrap();
    terminal.keyboard.flush().unwrap();
    assert_eq!(terminal.end(), (Some(130), Vec::<String>::new()));
}

#[test]
fn verbose_calls_are_above_the_line() {
    let (_served, proxy, let_go) = slow_aws();
    let mut terminal = Terminal::with(&proxy, &["nodegroups", "prod/*", "dev/*", "-v"]);
    terminal.until(|line| line.contains("1 of 2 clusters"));
    let lines = terminal.lines();
    let (last, calls) = lines.split_last().unwrap();
    assert!(last.contains("1 of 2 clusters"), "{lines:?}");
    assert!(
        calls.iter().any(|line| line.starts_with("GET 127.0.0.1:") && line.contains("/clusters/dev/node-groups 200"))
    );
    drop(let_go);
    assert_eq!(terminal.end().0, Some(0));
}

/// A simulated AWS in which updates run.
fn updating_aws() -> Served {
    let served = Served::at_speed("1");
    served.invoke("eks-nodegroup-updater-start", &serde_json::json!({}));
    served
}

#[test]
fn a_watched_status_is_a_page_with_each_update_which_stays_after_ctrl_c() {
    let served = updating_aws();
    let mut terminal = Terminal::with(&served.address, &["status", "--watch", "5"]);
    terminal.until(|line| line == "Refreshing every 5 s. Ctrl-C ends it.");
    let page = terminal.lines();
    let begins = |beginning: &str| page.iter().filter(|line| line.starts_with(beginning)).count();
    assert_eq!(
        (begins("Stack eks-nodegroup-updater in eu-central-1"), begins("In progress"), begins("  ↻ ")),
        (1, 1, 3)
    );
    assert!(page.iter().any(|line| line.starts_with("  ◷ 3 updates when a limit allows it: staging/ingress, ")));
    assert!(page.len() < 24, "the last row is the cursor's: {page:?}");
    terminal.keyboard.write_all(b"\x03").unwrap();
    terminal.keyboard.flush().unwrap();
    let (code, left) = terminal.end();
    assert_eq!(code, Some(130));
    assert!(left.contains(&"Refreshing every 5 s. Ctrl-C ends it.".to_owned()), "{left:?}");
}

#[test]
fn who_is_waited_for_is_shown_until_it_is_over() {
    let served = updating_aws();
    let mut terminal = Terminal::with(&served.address, &["wait", "data/*", "--timeout", "2s"]);
    let line = terminal.until(|line| line.starts_with("  ↻ data/postgres"));
    assert!(line.starts_with("  ↻ data/postgres: 1.32.9-20260710: InProgress since "), "{line}");
    assert_eq!(terminal.lines()[0], "Waiting for 1 of 6 node groups:");
    let (code, left) = terminal.end();
    assert_eq!((code, left[0].as_str()), (Some(1), "Node group     Result"));
    assert_eq!(left.last().map(String::as_str), Some("error: not over within 2 s, the --timeout: data/postgres"));
}
