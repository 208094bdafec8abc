//! The account and the principal, which a command that writes reports before it does anything.

use serde_json::Value;

use crate::proxy::{self, Recorder};
use crate::served::{CALLER, Ended, run};

/// Every command that writes, so that it does.
pub const WRITING: [&[&str]; 11] = [
    &["opt-in", "dev/sandbox", "--yes"],
    &["set", "dev/sandbox", "ring=1", "--yes"],
    &["opt-out", "dev/sandbox", "--yes"],
    &["opt-in", "dev/sandbox", "--dry-run"],
    &["pause", "--yes"],
    &["resume", "--yes"],
    &["run", "start"],
    &["run", "check"],
    &["retry", "prod/web", "--yes"],
    &["rollback", "data/search", "--to", "1.32.8-20260610", "--yes"],
    &["quarantine", "lift", "*-20260110", "--yes"],
];

#[test]
fn every_command_that_writes_reports_account_and_principal_first() {
    let aws = Recorder::new(|_| None);
    for arguments in WRITING {
        let Ended { code, stdout, stderr } = run(&aws.address, &[arguments, &["--output", "json"]].concat());
        assert!(stderr.starts_with(CALLER), "{arguments:?}: {stderr}");
        assert_eq!(aws.take()[0].0, "Action=GetCallerIdentity", "{arguments:?}");
        // Nothing is quarantined here.
        let is_refused = arguments[0] == "quarantine";
        assert_eq!(code, Some(i32::from(is_refused)), "{arguments:?}: {stderr}");
        let document = serde_json::from_str::<Value>(&stdout).unwrap();
        assert_eq!(document.get("error").is_some(), is_refused, "{arguments:?}: {stdout}");
    }
}

#[test]
fn nothing_is_written_without_an_answer_of_sts() {
    let aws = Recorder::new(|request| {
        let asked = request.body.starts_with("Action=GetCallerIdentity&");
        asked.then(|| proxy::answer("404 Not Found", "", "no way"))
    });
    for arguments in WRITING {
        let ended = run(&aws.address, arguments);
        let expected = "error: asking STS for the caller's identity, before anything is written: HTTP status 404 with \
                        a body \
                        that is not AWS's: \"no way\"\n\nA network that cannot reach STS needs the interface endpoint \
                        com.amazonaws.eu-central-1.sts, or AWS_ENDPOINT_URL_STS set to one that can be reached.\n";
        assert_eq!(ended, Ended { code: Some(1), stdout: String::new(), stderr: expected.to_owned() });
        let asked: Vec<String> = aws.take().into_iter().map(|(name, _)| name).collect();
        assert_eq!(asked, ["Action=GetCallerIdentity"]);
    }
}
