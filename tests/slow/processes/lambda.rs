//! Lambda's [Runtime API](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), as far as one invocation needs it.

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use testing::{CHECK_KEY, START_KEY, TABLE, TestEnv};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Longer than any run here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the functions run.
pub struct Lambda {
    url: String,
    topic: String,
}

/// A function: its binary and its settings.
pub struct Function {
    binary: PathBuf,
    environment: Vec<(String, String)>,
}

/// What the Runtime API has seen of one invocation.
#[derive(Default)]
struct Invocation {
    asked: Mutex<bool>,
    answer: Mutex<Option<String>>,
    ended: Notify,
}

impl Lambda {
    pub fn new(env: &TestEnv, url: &str) -> Self {
        Self { url: url.to_owned(), topic: env.check_config.notification_topic_arn.clone() }
    }

    /// `start` or `check`, with these settings; the binary that was just built, or the one that `START_BINARY` or
    /// `CHECK_BINARY` names.
    #[expect(clippy::disallowed_methods, reason = "how a test is pointed at other binaries")]
    pub fn function(&self, name: &str, settings: &[(&str, &str)]) -> Function {
        let (built, key) = match name {
            "start" => (env!("CARGO_BIN_EXE_start"), START_KEY),
            _ => (env!("CARGO_BIN_EXE_check"), CHECK_KEY),
        };
        let named = std::env::var(format!("{}_BINARY", name.to_uppercase()));
        let own = [
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", simulated_aws::REGION),
            ("AWS_ENDPOINT_URL", &self.url),
            ("AWS_LAMBDA_FUNCTION_NAME", name),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("UPDATES_TABLE", TABLE),
            ("NOTIFICATION_TOPIC_ARN", &self.topic),
        ];
        let environment = own.iter().chain(settings).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Function { binary: named.unwrap_or_else(|_| built.to_owned()).into(), environment: environment.collect() }
    }
}

impl Function {
    /// Runs to the end, and returns what it answered.
    pub async fn invoke(&self, deadline: Duration) -> String {
        let (mut child, invocation) = self.begin(deadline).await;
        timeout(PATIENCE, invocation.ended.notified()).await.expect("the process answers");
        child.kill().await.unwrap();
        invocation.answer.lock().unwrap().take().unwrap()
    }

    /// How long a run takes, from the start of its process.
    pub async fn takes(&self) -> Duration {
        let begun = Instant::now();
        self.invoke(Duration::from_mins(15)).await;
        begun.elapsed()
    }

    /// Kills the process after so long, if it has not ended by then. Returns whether it was killed.
    pub async fn run_for(&self, time: Duration) -> bool {
        let (mut child, invocation) = self.begin(Duration::from_mins(15)).await;
        let killed = timeout(time, invocation.ended.notified()).await.is_err();
        child.kill().await.unwrap();
        killed
    }

    async fn begin(&self, deadline: Duration) -> (Child, Arc<Invocation>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr().unwrap().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let invocation = Arc::new(Invocation::default());
        let inside = Arc::clone(&invocation);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let invocation = Arc::clone(&inside);
                let service = service_fn(move |request| answer(Arc::clone(&invocation), deadline, request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        (command.spawn().unwrap(), invocation)
    }
}

#[expect(clippy::disallowed_methods, reason = "Lambda names deadlines by the clock on the wall")]
async fn answer(
    invocation: Arc<Invocation>,
    deadline: Duration,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == Method::GET {
        if std::mem::replace(&mut *invocation.asked.lock().unwrap(), true) {
            // Idle, as a function is until its next event.
            std::future::pending::<()>().await;
        }
        let deadline = SystemTime::now() + deadline;
        let response = Response::builder()
            .header("Lambda-Runtime-Aws-Request-Id", format!("{:032x}", fastrand::u128(..)))
            .header("Lambda-Runtime-Deadline-Ms", deadline.duration_since(UNIX_EPOCH).unwrap().as_millis().to_string())
            .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:test")
            .header("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700")
            .body(Full::from("{}"));
        return Ok(response.unwrap());
    }
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    *invocation.answer.lock().unwrap() = Some(String::from_utf8_lossy(&body).into_owned());
    invocation.ended.notify_one();
    Ok(Response::builder().status(202).body(Full::from(r#"{"status":"OK"}"#)).unwrap())
}
