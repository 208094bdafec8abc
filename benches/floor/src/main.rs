//! The least that a Lambda function can do: asks the Runtime API for an event, makes some HTTPS requests, answers. No SDK,
//! no HTTP library, the same TLS library and trust roots as the functions.
//!
//! `FLOOR_HOST` is the host, `FLOOR_PORT` its port; each of `FLOOR_CONCURRENCY` connections makes its part of `FLOOR_CALLS`
//! requests, one after the other.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The trust roots that the functions have built in.
const ROOTS: &[u8] = include_bytes!("../../../src/aws/amazon_roots.pem");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let api = setting("AWS_LAMBDA_RUNTIME_API")?;
    let connector = TlsConnector::from(Arc::new(tls_config()?));
    let mut runtime = TcpStream::connect(&api).await?;
    let next = format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: {api}\r\n\r\n");
    let event = exchange(&mut runtime, &next).await?;
    let id = header(&event, "lambda-runtime-aws-request-id").context("no request id")?;
    let calls = Arc::new(AtomicUsize::new(setting("FLOOR_CALLS")?.parse()?));
    let mut workers = Vec::new();
    for _ in 0..setting("FLOOR_CONCURRENCY")?.parse()? {
        workers.push(tokio::spawn(work(connector.clone(), calls.clone())));
    }
    for worker in workers {
        worker.await??;
    }
    let answer = format!(
        "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nhost: {api}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    exchange(&mut runtime, &answer).await?;
    exchange(&mut runtime, &next).await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a program of one page reads its settings where it needs them")]
fn setting(name: &str) -> Result<String> {
    env::var(name).with_context(|| name.to_owned())
}

fn tls_config() -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if env::var_os("SSL_CERT_FILE").is_some() || env::var_os("FLOOR_SYSTEM_ROOTS").is_some() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    } else {
        for root in CertificateDer::pem_slice_iter(ROOTS) {
            roots.add(root?)?;
        }
    }
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// Makes requests over one connection, until none is left.
async fn work(connector: TlsConnector, left: Arc<AtomicUsize>) -> Result<()> {
    let (host, port) = (setting("FLOOR_HOST")?, setting("FLOOR_PORT")?.parse::<u16>()?);
    let request = format!(
        "GET /clusters/cluster-0/node-groups/nodegroup-0 HTTP/1.1\r\nhost: {host}\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential=AKIAFLOOR/20260101/{}/eks/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n",
        setting("AWS_REGION")?,
    );
    let mut stream = None;
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        let stream = match &mut stream {
            Some(stream) => stream,
            None => {
                let tcp = TcpStream::connect((host.as_str(), port)).await?;
                tcp.set_nodelay(true)?;
                stream.insert(connector.connect(ServerName::try_from(host.clone())?, tcp).await?)
            }
        };
        exchange(stream, &request).await?;
    }
    Ok(())
}

/// Sends a request and reads the whole answer.
async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> Result<String> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    loop {
        anyhow::ensure!(stream.read_buf(&mut answer).await? > 0, "the connection ended");
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = header(head, "content-length").context("no length")?.parse()?;
            if body.len() >= length {
                return Ok(text.into_owned());
            }
        }
    }
}

/// The value of a header; names are compared as if in lower case.
fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let lines = answer.lines().skip(1).take_while(|line| !line.is_empty());
    let mut headers = lines.filter_map(|line| line.split_once(':'));
    headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
