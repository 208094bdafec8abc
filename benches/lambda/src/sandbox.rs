//! A private corner of the machine, where AWS's host names lead to loopback and the system trusts the benchmark's root.
//!
//! It has a network and mounts of its own, which end with the process.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::fake_aws::{SERVICES, host};

/// Tells the program that it is inside.
const INSIDE: &str = "LAMBDA_BENCH_IN_SANDBOX";

const SETUP: &str = r#"set -e
ip link set lo up
mount --bind "$0/hosts" /etc/hosts
mount -t tmpfs tmpfs /etc/ssl/certs
cp "$0/bundle.pem" /etc/ssl/certs/ca-certificates.crt"#;

/// Whether the program is inside.
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Starts the program again, inside. Returns only where the machine does not allow it.
pub fn enter(directory: &Path) -> Result<()> {
    let names: Vec<String> = SERVICES.iter().map(|service| host(service)).collect();
    fs::write(directory.join("hosts"), format!("127.0.0.1 localhost {}\n", names.join(" ")))?;
    let unshare = || {
        let mut unshare = Command::new("unshare");
        let is_root = fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
        unshare.args(["--mount", "--net"]);
        if !is_root {
            unshare.arg("--map-root-user");
        }
        unshare.args(["sh", "-c"]);
        unshare
    };
    let tried = unshare().arg(SETUP).arg(directory).output().context("running unshare")?;
    anyhow::ensure!(tried.status.success(), "{}", String::from_utf8_lossy(&tried.stderr).trim());
    let program = std::env::current_exe()?;
    let error = unshare()
        .arg(format!("{SETUP}\nexec \"$@\""))
        .arg(directory)
        .arg(program)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
    Err(error).context("entering")
}
