//! A simulated AWS that is served, as in another terminal.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A `serve` of its own; it ends with the test.
pub struct Served {
    /// Its process.
    pub process: Child,
    /// Where it answers.
    pub address: String,
}

impl Served {
    /// One whose time runs so many times as fast.
    pub fn at_speed(speed: &str) -> Self {
        Self::with(&["--speed", speed])
    }

    /// One with a fleet in each of these regions.
    pub fn in_regions(regions: &[&str]) -> Self {
        let named: Vec<&str> = regions.iter().flat_map(|region| ["--region", region]).collect();
        Self::with(&named)
    }

    /// One with these options.
    pub fn with(options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_eks-nodegroup-updater"))
            .args(["serve", "--port", "0"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let address = first.trim_end().strip_prefix("http://").unwrap().to_owned();
        Self { process, address }
    }

    /// An EKS request, and the body of its answer.
    pub fn eks(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (_, answer) = self.request("eks", method, path, &body);
        serde_json::from_str(&answer).unwrap()
    }

    /// The body of an EKS answer at an address.
    pub fn get(address: &str, path: &str) -> Value {
        let (_, body) = answer_of(address, "eu-central-1/eks", &format!("GET {path}"), "", "");
        serde_json::from_str(&body).unwrap()
    }

    /// Invokes a function: whether it failed, and what it answers.
    pub fn invoke(&self, function: &str, event: &Value) -> (bool, Value) {
        self.invoke_in("eu-central-1", function, event)
    }

    /// The same in a region.
    pub fn invoke_in(&self, region: &str, function: &str, event: &Value) -> (bool, Value) {
        let start = format!("POST /2015-03-31/functions/{function}/invocations");
        let (head, answer) = self.send(&format!("{region}/lambda"), &start, "", &event.to_string());
        (head.contains("x-amz-function-error: Unhandled"), serde_json::from_str(&answer).unwrap())
    }

    /// A request to SSM, and the body of its answer.
    pub fn ssm(&self, operation: &str, body: &str) -> Value {
        let target = format!("X-Amz-Target: AmazonSSM.{operation}\r\n");
        let (_, answer) = self.send("eu-central-1/ssm", "POST /", &target, body);
        serde_json::from_str(&answer).unwrap()
    }

    /// A request that is signed for a service, and its answer: head and body.
    pub fn request(&self, service: &str, method: &str, path: &str, body: &str) -> (String, String) {
        self.request_in("eu-central-1", service, &format!("{method} {path}"), body)
    }

    /// A request that is signed for a region and a service, and its answer: head and body.
    pub fn request_in(&self, region: &str, service: &str, start: &str, body: &str) -> (String, String) {
        self.send(&format!("{region}/{service}"), start, "", body)
    }

    fn send(&self, scope: &str, start: &str, headers: &str, body: &str) -> (String, String) {
        let (head, body) = self.answer(scope, start, headers, body);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}: {body}");
        (head, body)
    }

    /// The answer to a request that is signed for a region and a service, such as `eu-central-1/eks`: head and body.
    pub fn answer(&self, scope: &str, start: &str, headers: &str, body: &str) -> (String, String) {
        answer_of(&self.address, scope, start, headers, body)
    }
}

fn answer_of(address: &str, scope: &str, start: &str, headers: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{start} HTTP/1.1\r\n{headers}Host: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=AKIA/20260720/{scope}/aws4_request, Signature=0\r\n\r\n{body}",
        body.len(),
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The first line of a command that writes.
pub const CALLER: &str =
    "Account 123456789012, arn:aws:sts::123456789012:assumed-role/simulated/session, region eu-central-1\n";

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A command that talks to this address, without a terminal and with nothing of whoever runs the test.
pub fn command(address: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eks-nodegroup-updater"));
    command
        .args(arguments)
        .env_clear()
        .envs([
            ("AWS_ENDPOINT_URL", format!("http://{address}").as_str()),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "simulated"),
            ("AWS_SECRET_ACCESS_KEY", "simulated"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/nonexistent"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
            ("HOME", "/nonexistent"),
            ("LANG", "C.UTF-8"),
        ])
        .stdin(Stdio::null());
    command
}

/// Runs such a command to its end.
pub fn run(address: &str, arguments: &[&str]) -> Ended {
    let output = command(address, arguments).output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
