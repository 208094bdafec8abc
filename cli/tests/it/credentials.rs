//! Whose credentials sign the requests of a command, and the errors of credentials that cannot be used.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::caller::WRITING;
use crate::proxy::{self, Recorder};
use crate::served::{CALLER, Served, command};

/// Where nothing answers: what ends there otherwise has asked nobody.
const NOWHERE: &str = "127.0.0.1:1";

/// Keys of another account than the one that is meant.
const OTHER_KEYS: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "AKIAOTHER"), ("AWS_SECRET_ACCESS_KEY", "other"), ("AWS_SESSION_TOKEN", "other")];

/// `sha1("corp")`: the file in which the AWS CLI keeps the token of the session `corp`.
const TOKEN_OF_CORP: &str = "ee0bfd2552fbd840c02cc48b6e823320543c450f.json";

const SSO: &str = "[profile dev]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = admin\n\
                   [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = https://corp.awsapps.com/start\n";

/// A home directory; it is removed with the test.
pub struct Home(PathBuf);

impl Home {
    pub fn new(test: &str, config: &str) -> Self {
        let home = Self(std::env::temp_dir().join(format!("eks-nodegroup-updater-{}-{test}", std::process::id())));
        home.write(".aws/config", config);
        home
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A command of somebody who lives here, with neither keys nor a region in the environment.
    pub fn command(&self, address: &str, arguments: &[&str]) -> Command {
        let mut command = command(address, arguments);
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
            command.env_remove(name);
        }
        command.env("HOME", &self.0);
        command
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// How a command ends, and what it says.
fn end(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn denied(stderr: &str) -> (Option<i32>, String) {
    (Some(3), stderr.to_owned())
}

const READING: [&[&str]; 7] = [
    &["plan", "--all"],
    &["explain", "prod/web"],
    &["status"],
    &["history", "dev/ingress"],
    &["quarantine", "list"],
    &["doctor"],
    &["doctor", "--verify-aws"],
];

#[test]
fn a_profile_that_is_named_signs_every_request_whatever_keys_the_environment_holds() {
    let home = Home::new("profile", "[profile prod]\nregion = eu-central-1\n");
    home.write(".aws/credentials", "[prod]\naws_access_key_id = AKIAPROD\naws_secret_access_key = prod\n");
    let aws = Recorder::new(|_| None);
    let mut services = Vec::new();
    for arguments in WRITING.iter().chain(&READING) {
        let arguments = [arguments, &["--profile", "prod"][..]].concat();
        home.command(&aws.address, &arguments).envs(OTHER_KEYS).output().unwrap();
        for (name, signature) in aws.take() {
            let signature = signature.unwrap_or_else(|| panic!("{arguments:?} sent {name} without a signature"));
            assert_eq!((signature.key_id.as_str(), signature.region.as_str()), ("AKIAPROD", "eu-central-1"), "{name}");
            services.push(signature.service);
        }
    }
    services.sort_unstable();
    services.dedup();
    // So that nothing is left out.
    for service in ["cloudformation", "dynamodb", "eks", "lambda", "ssm", "sts"] {
        assert!(services.iter().any(|asked| asked == service), "{service} is not among {services:?}");
    }
}

#[test]
fn a_profile_gets_its_credentials_from_a_process() {
    let home = Home::new("process", "");
    let keys =
        r#"{"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": "x", "Expiration": "2099-01-01T00:00:00Z"}"#;
    let script = home.write("keys.sh", &format!("echo '{keys}'\n"));
    home.write(".aws/config", &format!("[profile prod]\ncredential_process = /bin/sh {script}\n"));
    let aws = Recorder::new(|_| None);
    let output =
        home.command(&aws.address, &["pause", "--yes", "--profile", "prod"]).envs(OTHER_KEYS).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), CALLER));
    assert_eq!(aws.key_ids(), ["AKIAPROCESS"]);
}

#[test]
fn the_role_of_a_profile_is_assumed_with_what_the_profile_names() {
    let home = Home::new("role", "");
    home.write(".aws/credentials", "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = base\n");
    let aws = Recorder::new(|request| request.body.starts_with("Action=AssumeRole&").then(|| role("ASIAROLE")));
    for (source, key_id) in [("source_profile = base", "AKIABASE"), ("credential_source = Environment", "AKIAOTHER")] {
        let role = "role_arn = arn:aws:iam::123456789012:role/admin";
        home.write(".aws/config", &format!("[profile prod]\n{role}\n{source}\n"));
        let arguments = ["pause", "--yes", "--profile", "prod"];
        let output = home.command(&aws.address, &arguments).envs(OTHER_KEYS).output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), CALLER));
        let mut signed = aws.take().into_iter().map(|(name, signature)| (name, signature.unwrap().key_id));
        let (assumed, others): (Vec<_>, Vec<_>) = signed.by_ref().partition(|(name, _)| name == "Action=AssumeRole");
        assert!(!assumed.is_empty() && assumed.iter().all(|(_, signer)| signer == key_id), "{assumed:?}");
        assert!(!others.is_empty() && others.iter().all(|(_, signer)| signer == "ASIAROLE"), "{others:?}");
    }
}

#[test]
fn a_role_is_assumed_no_more_often_for_several_regions() {
    let home = Home::new(
        "role-in-regions",
        "[profile prod]\nrole_arn = arn:aws:iam::123456789012:role/admin\n\
                                             source_profile = base\n",
    );
    home.write(".aws/credentials", "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = base\n");
    let served = Served::in_regions(&["eu-central-1", "eu-west-1", "us-east-1"]);
    let assumed = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&assumed);
    let proxy = proxy::before(&served, move |request| {
        request.body.starts_with("Action=AssumeRole&").then(|| {
            counted.fetch_add(1, Ordering::Relaxed);
            role("ASIAROLE")
        })
    });
    let output = home.command(&proxy, &["plan", "--profile", "prod", "--all-regions"]).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
    // Once before the first call, so that a problem is reported then, and once for all clients.
    assert_eq!(assumed.load(Ordering::Relaxed), 2);
}

/// The answer of STS to `AssumeRole`.
fn role(key_id: &str) -> String {
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>x</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    proxy::answer("200 OK", "Content-Type: text/xml\r\n", &body)
}

#[test]
fn a_profile_gets_its_credentials_from_an_sso_session() {
    let home = Home::new("signed-in", SSO);
    let token = r#"{"accessToken": "token", "expiresAt": "2099-01-01T00:00:00Z", "startUrl": "https://corp.awsapps.com/start"}"#;
    home.write(&format!(".aws/sso/cache/{TOKEN_OF_CORP}"), token);
    let aws = Recorder::new(|request| {
        let keys = r#"{"roleCredentials": {"accessKeyId": "ASIASSO", "secretAccessKey": "x", "sessionToken": "x", "expiration": 4070908800000}}"#;
        let asked = request.first_line.starts_with("GET /federation/credentials?");
        asked.then(|| proxy::answer("200 OK", "Content-Type: application/json\r\n", keys))
    });
    let output = home.command(&aws.address, &["pause", "--yes", "--profile", "dev"]).envs(OTHER_KEYS).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), CALLER));
    let signers: Vec<String> = aws.take().into_iter().filter_map(|(_, signature)| Some(signature?.key_id)).collect();
    assert!(!signers.is_empty() && signers.iter().all(|signer| signer == "ASIASSO"), "{signers:?}");
}

#[test]
fn a_missing_or_expired_sso_token_is_an_error_with_the_command_to_sign_in() {
    let home = Home::new(
        "signed-out",
        &format!("{SSO}[profile prod]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = dev\n"),
    );
    let expired = r#"{"accessToken": "token", "expiresAt": "2020-01-01T00:00:00Z", "startUrl": "https://corp.awsapps.com/start"}"#;
    let reasons = [
        (None, "an error occurred while loading an access token: failed to load the cached SSO token"),
        (
            Some(expired),
            "an error occurred while loading an access token: the SSO token has expired and cannot be refreshed",
        ),
    ];
    for (cached, reason) in reasons {
        if let Some(token) = cached {
            home.write(&format!(".aws/sso/cache/{TOKEN_OF_CORP}"), token);
        }
        for profile in ["dev", "prod"] {
            let mut plan = home.command(NOWHERE, &["plan", "--profile", profile]);
            plan.envs(OTHER_KEYS);
            let error = format!("error: the credentials of the profile {profile} could not be loaded: {reason}");
            assert_eq!(end(plan), denied(&format!("{error}\n\nSign in again:\n\n  aws sso login --profile dev\n")));
        }
    }
}

#[test]
fn a_profile_that_does_not_exist_is_answered_with_those_that_do_whatever_keys_the_environment_holds() {
    let home = Home::new("nosuch", "[profile ops]\n[profile admin]\n");
    home.write(".aws/credentials", "[build]\naws_access_key_id = AKIABUILD\naws_secret_access_key = build\n");
    let hint = "Existing profiles: admin, build, ops";
    let mut named = home.command(NOWHERE, &["plan", "--profile", "nosuch"]);
    named.envs(OTHER_KEYS);
    let error = "error: there is no profile \"nosuch\" in ~/.aws/config or ~/.aws/credentials";
    assert_eq!(end(named), denied(&format!("{error}\n\n{hint}\n")));

    let mut of_environment = home.command(NOWHERE, &["plan"]);
    of_environment.envs(OTHER_KEYS).env("AWS_PROFILE", "gone");
    let error = "error: there is no profile \"gone\", which AWS_PROFILE names, in ~/.aws/config or ~/.aws/credentials";
    assert_eq!(end(of_environment), denied(&format!("{error}\n\n{hint}\n")));

    let mut without_files = command(NOWHERE, &["plan", "--profile", "nosuch"]);
    without_files.env("AWS_CONFIG_FILE", "/nonexistent/config");
    let error = "error: there is no profile \"nosuch\" in /nonexistent/config or /nonexistent";
    let hint = "There are no profiles; to create one: aws configure sso";
    assert_eq!(end(without_files), denied(&format!("{error}\n\n{hint}\n")));
}

#[test]
fn a_profile_without_credentials_is_no_reason_to_use_those_of_the_environment() {
    let home =
        Home::new("empty", "[profile prod]\nregion = eu-central-1\n[profile role]\nrole_arn = arn:aws:iam::1:role/a\n");
    let with = |profile: &str| {
        let mut plan = home.command(NOWHERE, &["plan", "--profile", profile]);
        plan.envs(OTHER_KEYS);
        end(plan)
    };
    let hint = "Add a role, a sign-in or keys to it, for example: aws configure sso --profile prod";
    assert_eq!(with("prod"), denied(&format!("error: the profile prod has no credentials\n\n{hint}\n")));
    let (code, stderr) = with("role");
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.starts_with("error: the credentials of the profile role could not be loaded: "), "{stderr}");
    assert!(stderr.ends_with("\n\nCorrect the profile in ~/.aws/config or ~/.aws/credentials.\n"), "{stderr}");
}

#[test]
fn keys_of_the_environment_come_before_the_profile_that_it_names() {
    let home = Home::new("environment", "");
    home.write(".aws/credentials", "[prod]\naws_access_key_id = AKIAPROD\naws_secret_access_key = prod\n");
    let aws = Recorder::new(|_| None);
    let mut with_keys = home.command(&aws.address, &["plan"]);
    assert_eq!(with_keys.env("AWS_PROFILE", "prod").envs(OTHER_KEYS).output().unwrap().status.code(), Some(0));
    assert_eq!(aws.key_ids(), ["AKIAOTHER"]);
    let mut without = home.command(&aws.address, &["plan"]);
    assert_eq!(without.env("AWS_PROFILE", "prod").output().unwrap().status.code(), Some(0));
    assert_eq!(aws.key_ids(), ["AKIAPROD"]);
}

#[test]
fn half_of_a_pair_of_keys_is_an_error_that_names_the_other_half() {
    let home = Home::new("half", "");
    home.write(".aws/credentials", "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = default\n");
    for (set, missing) in
        [("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")]
    {
        let mut plan = home.command(NOWHERE, &["plan"]);
        plan.env(set, "half").env(missing, "");
        let hint = "Set both variables, or neither. With --profile, neither is used.";
        assert_eq!(end(plan), denied(&format!("error: {set} is set, but {missing} is not\n\n{hint}\n")));

        let aws = Recorder::new(|_| None);
        let mut named = home.command(&aws.address, &["plan", "--profile", "default"]);
        assert_eq!(named.env(set, "half").output().unwrap().status.code(), Some(0));
        assert_eq!(aws.key_ids(), ["AKIADEFAULT"]);
    }
}

#[test]
fn a_profile_that_asks_for_mfa_is_left_to_the_aws_cli() {
    let config =
        "[profile admin]\nrole_arn = arn:aws:iam::1:role/a\nmfa_serial = arn:aws:iam::1:mfa/me\nsource_profile = ops\n";
    let home = Home::new("mfa", config);
    home.write(".aws/credentials", "[ops]\naws_access_key_id = AKIAOPS\naws_secret_access_key = ops\n");
    let aws = Recorder::new(|request| {
        let body =
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>";
        let asked = request.body.starts_with("Action=AssumeRole&");
        asked.then(|| proxy::answer("403 Forbidden", "Content-Type: text/xml\r\n", body))
    });
    let (code, stderr) = end(home.command(&aws.address, &["plan", "--profile", "admin"]));
    assert_eq!(code, Some(3), "{stderr}");
    let hint = "The profile admin needs MFA, which the AWS SDK for Rust does not support. Use the AWS CLI for it:\n\n  \
                eval \"$(aws configure export-credentials --profile admin --format env)\"\n\nand omit --profile.\n";
    assert!(stderr.ends_with(hint), "{stderr}");
}

#[test]
fn the_region_is_the_one_of_the_command_line_then_of_the_environment_then_of_the_profile() {
    let home = Home::new("region", "[profile prod]\nregion = eu-west-1\n");
    home.write(".aws/credentials", "[prod]\naws_access_key_id = AKIAPROD\naws_secret_access_key = prod\n");
    let aws = Recorder::new(|_| None);
    let asked = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut plan = home.command(&aws.address, &[&["plan", "--profile", "prod"], arguments].concat());
        plan.env_remove("AWS_REGION").envs(environment.iter().copied()).output().unwrap();
        aws.take().remove(0).1.unwrap().region
    };
    let (region, default) = (("AWS_REGION", "eu-north-1"), ("AWS_DEFAULT_REGION", "eu-south-1"));
    assert_eq!(asked(&["--region", "us-east-1"], &[region, default]), "us-east-1");
    assert_eq!(asked(&[], &[region, default]), "eu-north-1");
    assert_eq!(asked(&[], &[default]), "eu-south-1");
    assert_eq!(asked(&[], &[]), "eu-west-1");
}

#[test]
fn with_verbose_the_calls_that_load_credentials_are_shown_and_no_secret_is() {
    let home = Home::new("verbose", SSO);
    let token = r#"{"accessToken": "Xtoken", "expiresAt": "2099-01-01T00:00:00Z", "startUrl": "https://corp.awsapps.com/start"}"#;
    home.write(&format!(".aws/sso/cache/{TOKEN_OF_CORP}"), token);
    let aws = Recorder::new(|request| {
        let keys = r#"{"roleCredentials": {"accessKeyId": "XASIA", "secretAccessKey": "Xsecret", "sessionToken": "Xsession", "expiration": 4070908800000}}"#;
        let asked = request.first_line.starts_with("GET /federation/credentials?");
        asked.then(|| proxy::answer("200 OK", "Content-Type: application/json\r\n", keys))
    });
    let output = home.command(&aws.address, &["quarantine", "list", "-v", "--profile", "dev"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let calls: Vec<&str> = stderr.lines().map(|line| line.split(" in ").next().unwrap()).collect();
    let address = &aws.address;
    // Before the first call, the credentials are tried.
    let expected = [
        &format!("GET {address} 200"),
        &format!("GET {address} 200"),
        &format!("POST {address} DescribeStacks 200"),
        &format!("POST {address} Scan 200"),
        "4 calls to AWS",
    ];
    assert_eq!(calls, expected);
    assert!(!stderr.contains('X'), "{stderr}");
}
