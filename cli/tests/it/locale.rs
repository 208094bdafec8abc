//! What is printed where the locale has only ASCII.

use std::process::Output;

use serde_json::{Value, json};

use crate::served::{Served, command};

/// A command in a locale, on a page so wide that nothing is shortened.
fn in_locale(served: &Served, (variable, locale): (&str, &str), arguments: &[&str]) -> Output {
    command(&served.address, arguments)
        .env_remove("LANG")
        .envs([(variable, locale), ("COLUMNS", "1000")])
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// A fleet with a letter that ASCII does not have.
fn fleet() -> Served {
    let served = Served::at_speed("1");
    let web = served.eks("GET", "/clusters/prod/node-groups/web", &Value::Null);
    let arn = web["nodegroup"]["nodegroupArn"].as_str().unwrap();
    let path = format!("/tags/{}", arn.replace(':', "%3A").replace('/', "%2F"));
    served.eks("POST", &path, &json!({"tags": {"ami-update/pin": "Grün"}}));
    served
}

#[test]
fn signs_and_letters_are_ascii_where_the_locale_is() {
    let served = fleet();
    let utf8 = in_locale(&served, ("LC_CTYPE", "C.UTF-8"), &["plan"]);
    let ascii = in_locale(&served, ("LC_ALL", "C"), &["plan"]);
    let without = in_locale(&served, ("LC_ALL", ""), &["plan"]);
    let signs = [("▲", "^"), ("◷", "."), ("✗", "x"), ("●", "*"), ("○", "o"), ("─", "-"), ("Grün", r"Gr\u{fc}n")];
    let mut expected = text(&utf8.stdout).to_owned();
    for (sign, in_ascii) in signs {
        assert!(expected.contains(sign), "{sign}: {expected}");
        expected = expected.replace(sign, in_ascii);
    }
    assert!(expected.is_ascii(), "{expected}");
    assert_eq!((text(&ascii.stdout), text(&without.stdout)), (&*expected, &*expected));
}

#[test]
fn messages_and_help_are_ascii_too() {
    let served = Served::at_speed("1");
    let unknown = in_locale(&served, ("LANG", "C"), &["explain", "xyz/grün"]);
    let error = "error: there is no node group xyz/gr\\u{fc}n in eu-central-1\n\nSee them all: eks-nodegroup-updater \
                 nodegroups\n";
    assert_eq!(text(&unknown.stderr), error);
    let misused = in_locale(&served, ("LANG", "C"), &["explain", "grün"]);
    assert!(text(&misused.stderr).starts_with(r"error: invalid value 'gr\u{fc}n' for '<NODEGROUP>'"), "{misused:?}");
    let [utf8, ascii] = ["C.UTF-8", "C"].map(|locale| in_locale(&served, ("LANG", locale), &["deny", "--help"]).stdout);
    assert!(text(&utf8).contains("AMI-TYPE/…"));
    assert_eq!(text(&ascii), text(&utf8).replace('…', "..."));
}

#[test]
fn json_is_utf8_in_every_locale() {
    let served = fleet();
    let json = ["--output", "json", "explain", "prod/web"];
    let [utf8, ascii] = ["C.UTF-8", "C"].map(|locale| in_locale(&served, ("LANG", locale), &json).stdout);
    assert!(text(&ascii).contains("Grün"), "{}", text(&ascii));
    assert_eq!(ascii, utf8);
}
