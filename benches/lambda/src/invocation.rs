//! One cold invocation: a Runtime API on loopback, a new process, one event, its answer.
//!
//! See <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use nix::sys::signal::{self, Signal};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::cpu_share::CpuShare;

/// Longer than a Lambda function may take.
const PATIENCE: Duration = Duration::from_secs(1000);
/// What a function of this project has, in `template.yaml`.
const TIMEOUT: Duration = Duration::from_secs(900);
const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:benchmark";

/// What was measured of one invocation.
pub struct Sample {
    /// From the start of the process until it asked for its event.
    pub init: Duration,
    /// From the start of the process until its answer.
    pub answer: Duration,
    /// The processor's time until the answer.
    pub cpu: Duration,
    /// The most memory it held, in bytes.
    pub peak: u64,
    /// What it answered.
    pub body: Value,
    /// How many bytes it logged.
    pub logged: u64,
}

/// How a process ends that has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At once.
    Kill,
    /// In peace, so that it can say what it has counted.
    Terminate,
}

/// Under which circumstances a process is measured.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// It has no more of a processor than this, from when it has its event.
    pub share: Option<&'a CpuShare>,
    /// Where its output goes.
    pub log: &'a Path,
    pub end: End,
}

/// Starts the command, which must ask the Runtime API for its event, and waits for the answer.
pub async fn invoke(mut command: Command, event: &Value, circumstances: Circumstances<'_>) -> Result<Sample> {
    let Circumstances { share, log, end } = circumstances;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    command.env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string());
    let output = File::create(log)?;
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let (moments, mut heard) = mpsc::unbounded_channel();

    let began = Instant::now();
    let mut process = command.spawn().with_context(|| format!("starting {command:?}"))?;
    let pid = process.id();
    let api = Arc::new(RuntimeApi { event: Bytes::from(event.to_string()), pid, share: share.cloned(), moments });
    let serving = tokio::spawn(api.serve(listener));
    let mut init = Duration::ZERO;
    let outcome = loop {
        match tokio::time::timeout(PATIENCE, heard.recv()).await {
            Ok(Some(Moment::Asked(at))) => init = at.duration_since(began),
            Ok(Some(Moment::Answered { at, cpu, body })) => break Ok((at, cpu, body)),
            Ok(Some(Moment::Failed(body))) => break Err(anyhow!("it failed: {}", String::from_utf8_lossy(&body))),
            Ok(None) | Err(_) => break Err(anyhow!("it did not answer")),
        }
    };
    let peak = peak_memory(pid);
    serving.abort();
    // It may have ended by itself.
    let signal = match end {
        End::Kill => Signal::SIGKILL,
        End::Terminate => Signal::SIGTERM,
    };
    let _ = signal::kill(nix_pid(pid)?, signal);
    process.wait()?;
    let (at, cpu, body) = outcome.with_context(|| format!("{command:?}, whose log is {}", log.display()))?;
    Ok(Sample {
        init,
        answer: at.duration_since(began),
        cpu,
        peak: peak?,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        logged: fs::metadata(log)?.len(),
    })
}

fn nix_pid(pid: u32) -> Result<Pid> {
    Ok(Pid::from_raw(pid.try_into()?))
}

/// The processor's time that a process has had so far, in all of its threads.
fn cpu_time(pid: u32) -> Result<Duration> {
    Ok(clock_gettime(clock_getcpuclockid(nix_pid(pid)?)?)?.into())
}

/// The most memory that a process ever held, in bytes.
fn peak_memory(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    Ok(peak.context("no VmHWM")?.parse::<u64>()? * 1024)
}

/// What the process did.
enum Moment {
    /// It asked for its event.
    Asked(Instant),
    /// It answered.
    Answered { at: Instant, cpu: Duration, body: Bytes },
    /// It reported an error.
    Failed(Bytes),
}

/// The Runtime API for one process and one event.
struct RuntimeApi {
    event: Bytes,
    pid: u32,
    share: Option<CpuShare>,
    moments: mpsc::UnboundedSender<Moment>,
}

impl RuntimeApi {
    async fn serve(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let asked = Arc::new(AtomicBool::new(false));
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (api, asked) = (self.clone(), asked.clone());
            let service = service_fn(move |request| {
                let (api, asked) = (api.clone(), asked.clone());
                async move { api.answer(request, &asked).await }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    #[expect(clippy::disallowed_methods, reason = "what is measured reads the real clock")]
    async fn answer(&self, request: Request<Incoming>, asked: &AtomicBool) -> Result<Response<Full<Bytes>>> {
        let now = Instant::now();
        let path = request.uri().path().to_owned();
        if request.method() == Method::GET {
            // An idle function waits for its next event.
            if asked.swap(true, Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            let _ = self.moments.send(Moment::Asked(now));
            if let Some(share) = &self.share {
                share.limit(self.pid)?;
            }
            let deadline = (Timestamp::now() + TIMEOUT).as_millisecond();
            return Ok(Response::builder()
                .header("content-type", "application/json")
                .header("lambda-runtime-aws-request-id", "6bc28136-xmpl-4365-b021-0ce6b2e64ab0")
                .header("lambda-runtime-deadline-ms", deadline.to_string())
                .header("lambda-runtime-invoked-function-arn", FUNCTION_ARN)
                .header("lambda-runtime-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793")
                .body(Full::new(self.event.clone()))?);
        }
        let cpu = cpu_time(self.pid)?;
        let body = request.into_body().collect().await?.to_bytes();
        let is_answer = path.ends_with("/response");
        let moment = if is_answer { Moment::Answered { at: now, cpu, body } } else { Moment::Failed(body) };
        let _ = self.moments.send(moment);
        Ok(Response::builder().status(StatusCode::ACCEPTED).body(Full::default())?)
    }
}
