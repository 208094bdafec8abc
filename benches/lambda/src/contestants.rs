//! Who does the job: the functions, the same job with boto3 and with Node.js, and the least that a process can do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use simulated_aws::REGION;

use crate::fake_aws::{FakeAws, TABLE, host};

/// A function of this project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Start,
    Check,
}

impl Function {
    /// The name of the binary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Check => "check",
        }
    }
}

/// A way to do the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contestant {
    /// The functions, but for one of Amazon's roots, in whose place is the benchmark's.
    Updater,
    /// The functions, with `SSL_CERT_FILE` set, so that they read the system's roots.
    UpdaterWithSystemRoots,
    /// The functions of another build.
    OtherBuild,
    Boto3,
    Node,
    /// A bare process that makes so many calls, so many at once.
    Floor {
        calls: usize,
        at_once: usize,
    },
}

/// Where everything that was built lies, and how what is measured reaches the simulated AWS.
pub struct Workshop {
    /// The root of the repository.
    pub root: PathBuf,
    /// What is built and kept for the benchmark.
    pub directory: PathBuf,
    /// Where the binaries of another build are.
    pub other_build: Option<PathBuf>,
    /// Whether AWS's own host names lead to the simulated AWS, and the system trusts it.
    pub in_sandbox: bool,
}

impl Workshop {
    /// The binaries of the tree as it is.
    fn binary(&self, name: &str) -> PathBuf {
        self.directory.join("binaries").join(name)
    }

    /// Builds the functions and the floor with the benchmark's root in the place of one of Amazon's.
    pub fn build(&self, root_pem: &str) -> Result<()> {
        let tree = self.directory.join("tree");
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(&self.root);
        let listing = git.output().context("listing the files")?;
        let listing = String::from_utf8(listing.stdout)?;
        let files: BTreeSet<&str> = listing.split_terminator('\0').collect();
        // What is no longer a file of the repository leaves the copy, too.
        let copied = self.directory.join("files");
        for old in fs::read_to_string(&copied).unwrap_or_default().split_terminator('\0') {
            if !files.contains(old) {
                fs::remove_file(tree.join(old)).with_context(|| format!("removing {old}"))?;
            }
        }
        fs::write(copied, &listing)?;
        for file in files {
            let Ok(mut text) = fs::read(self.root.join(file)) else { continue };
            if file == "src/aws/amazon_roots.pem" {
                text = with_root(&String::from_utf8(text)?, root_pem)?.into_bytes();
            }
            let copy = tree.join(file);
            // What is the same keeps its time, so that it is not built again.
            if fs::read(&copy).ok().as_deref() != Some(&text) {
                fs::create_dir_all(copy.parent().context("no directory")?)?;
                fs::write(copy, text)?;
            }
        }
        // Each by itself: built together, they would share features.
        for package in ["eks-nodegroup-updater", "floor"] {
            let mut cargo = Command::new("cargo");
            cargo.args(["build", "--locked", "--release", "--package", package, "--bins"]).current_dir(&tree);
            let status = cargo.env("CARGO_TARGET_DIR", self.directory.join("build")).status()?;
            ensure!(status.success(), "cargo build failed");
        }
        // Written at a stretch, as Lambda unpacks an archive: what a linker has written in pieces is read in more of them.
        fs::create_dir_all(self.directory.join("binaries"))?;
        for name in ["start", "check", "floor"] {
            fs::copy(self.directory.join("build/release").join(name), self.binary(name))?;
        }
        Ok(())
    }

    /// The process of a contestant, or why there is none on this machine.
    pub fn command(&self, contestant: Contestant, function: Function, aws: &FakeAws, topic: &str) -> Result<Command> {
        let mut command = match contestant {
            Contestant::Updater | Contestant::UpdaterWithSystemRoots => Command::new(self.binary(function.name())),
            Contestant::OtherBuild => {
                let directory = self.other_build.as_ref().context("no other build")?;
                Command::new(directory.join(function.name()))
            }
            Contestant::Boto3 => {
                let mut python = Command::new("python3");
                python.arg(self.root.join("benches/lambda/boto3").join(function.name()).with_extension("py"));
                python
            }
            Contestant::Node => {
                let mut node = Command::new("node");
                node.arg(self.root.join("benches/lambda/node/dist").join(function.name()).with_extension("cjs"));
                node
            }
            Contestant::Floor { .. } => Command::new(self.binary("floor")),
        };
        self.set_environment(&mut command, function, aws, topic)?;
        let bundle = self.directory.join("bundle.pem");
        match contestant {
            Contestant::Updater | Contestant::OtherBuild => {}
            Contestant::UpdaterWithSystemRoots => {
                command.env("SSL_CERT_FILE", &bundle);
            }
            // Both SDKs bring roots of their own, to which these are added.
            Contestant::Boto3 => {
                command.env("AWS_CA_BUNDLE", &bundle);
            }
            Contestant::Node => {
                command.env("NODE_EXTRA_CA_CERTS", self.directory.join("root.pem"));
            }
            Contestant::Floor { calls, at_once } => {
                let host = if self.in_sandbox { host("eks") } else { "localhost".to_owned() };
                command.env("FLOOR_HOST", host).env("FLOOR_PORT", aws.port.to_string());
                command.env("FLOOR_CALLS", calls.to_string()).env("FLOOR_CONCURRENCY", at_once.to_string());
            }
        }
        Ok(command)
    }

    /// What Lambda gives a function, and the template; and where AWS is.
    pub fn set_environment(&self, command: &mut Command, function: Function, aws: &FakeAws, topic: &str) -> Result<()> {
        command.env_clear();
        let path = std::env::var_os("PATH").context("no PATH")?;
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "AKIABENCHMARK"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_LAMBDA_FUNCTION_NAME", function.name()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/benchmark"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "benchmark"),
            ("STACK_NAME", "eks-nodegroup-updater"),
            ("UPDATES_TABLE", TABLE),
            ("NOTIFICATION_TOPIC_ARN", topic),
            ("EVENT_BUS_NAME", "default"),
        ] {
            command.env(name, value);
        }
        command.env("PATH", path);
        if !self.in_sandbox {
            let bundle = self.directory.join("bundle.pem");
            command.env("AWS_ENDPOINT_URL", format!("https://localhost:{}", aws.port)).env("SSL_CERT_FILE", bundle);
        }
        Ok(())
    }

    /// Why a contestant cannot take part on this machine.
    pub fn missing(&self, contestant: Contestant) -> Option<&'static str> {
        let succeeds = |program: &str, arguments: &[&str]| {
            Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
        };
        match contestant {
            Contestant::OtherBuild if self.other_build.is_none() => Some("--versus names none"),
            Contestant::Boto3 if !succeeds("python3", &["-c", "import boto3"]) => Some("python3 has no boto3"),
            Contestant::Node if !succeeds("node", &["--version"]) => Some("there is no node"),
            Contestant::Node if !self.root.join("benches/lambda/node/dist/start.cjs").exists() => {
                Some("npm could not install or bundle the AWS SDK")
            }
            _ => None,
        }
    }
}

/// The roots with the first one exchanged.
fn with_root(roots: &str, root_pem: &str) -> Result<String> {
    const END: &str = "-----END CERTIFICATE-----";
    let (_, others) = roots.split_once(END).context("no certificate")?;
    Ok(format!("{root_pem}{others}"))
}

/// Installs and bundles what Node.js needs, if it can.
pub fn bundle_for_node(root: &Path) {
    let npm = |arguments: &[&str]| {
        let mut npm = Command::new("npm");
        npm.args(arguments).current_dir(root.join("benches/lambda/node")).output().is_ok_and(|it| it.status.success())
    };
    // What is missing then is said when it is asked for.
    let _ = npm(&["ci", "--ignore-scripts", "--no-audit", "--no-fund"]) && npm(&["run", "bundle"]);
}
