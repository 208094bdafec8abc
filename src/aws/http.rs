//! The HTTP client that all AWS clients share: one pool of connections, and its trust roots.
//!
//! Parsing a system's hundred or more trust roots takes longer than everything else that a function does before its first call.
//! So the client starts with the few roots of AWS's endpoints, and falls back to the system's roots when a certificate is not
//! signed by them: behind a proxy that inspects TLS, or in an AWS partition with other roots.

use std::error::Error;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::config::Environment;

/// The roots of Amazon Trust Services.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// The client. It trusts
/// * only the roots in the file `AWS_CA_BUNDLE`, if that is set, like other AWS SDKs;
/// * otherwise the system's, if `SSL_CERT_FILE` or `SSL_CERT_DIR` is set;
/// * otherwise Amazon's, and the system's as soon as a certificate is not signed by those.
///
/// # Errors
/// When `AWS_CA_BUNDLE` cannot be read.
pub fn client(environment: Environment<'_>) -> anyhow::Result<SharedHttpClient> {
    let variable = |name| environment(name).filter(|value| !value.is_empty());
    if let Some(path) = variable("AWS_CA_BUNDLE") {
        let bundle = || fs::read(&path).context("cannot be read").and_then(only_certificates);
        let bundle = bundle().with_context(|| format!("AWS_CA_BUNDLE, {path}"))?;
        return trusting(TrustStore::empty().with_pem_certificate(bundle));
    }
    if variable("SSL_CERT_FILE").or_else(|| variable("SSL_CERT_DIR")).is_some() {
        return trusting(TrustStore::default());
    }
    let clients = Clients {
        amazon: trusting(TrustStore::empty().with_pem_certificate(AMAZON_ROOTS))?,
        system: trusting(TrustStore::default())?,
        needs_system: AtomicBool::new(false),
    };
    Ok(SharedHttpClient::new(AmazonFirst(Arc::new(clients))))
}

/// The bundle, if it contains only valid certificates, and at least one. Otherwise the SDK would panic.
fn only_certificates(bundle: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bundle) {
        let certificate = certificate.context("is not PEM")?;
        roots.add(certificate).with_context(|| format!("has an invalid certificate after {}", roots.len()))?;
    }
    anyhow::ensure!(!roots.is_empty(), "contains no PEM certificate");
    Ok(bundle)
}

fn trusting(roots: TrustStore) -> anyhow::Result<SharedHttpClient> {
    let tls = TlsContext::builder().with_trust_store(roots).build().context("setting up TLS")?;
    let client = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder =
            Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls.clone());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.proxy_config(ProxyConfig::from_env()).build()
    });
    Ok(client)
}

/// Trusts Amazon's roots first.
#[derive(Clone, Debug)]
struct AmazonFirst(Arc<Clients>);

#[derive(Debug)]
struct Clients {
    amazon: SharedHttpClient,
    system: SharedHttpClient,
    /// Whether a certificate was not signed by Amazon's roots.
    needs_system: AtomicBool,
}

impl HttpClient for AmazonFirst {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        if self.0.needs_system.load(Ordering::Relaxed) {
            return self.0.system.http_connector(settings, components);
        }
        let (settings, components) = (settings.clone(), components.clone());
        SharedHttpConnector::new(AmazonFirstConnector {
            amazon: self.0.amazon.http_connector(&settings, &components),
            system: Arc::new(Fallback { clients: self.0.clone(), settings, components }),
        })
    }
}

#[derive(Debug)]
struct AmazonFirstConnector {
    amazon: SharedHttpConnector,
    system: Arc<Fallback>,
}

/// Builds the connector that trusts the system's roots, once it is needed: reading them is slow.
#[derive(Debug)]
struct Fallback {
    clients: Arc<Clients>,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for AmazonFirstConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // A body that is a stream cannot be sent twice; none of ours is one.
        let again = request.try_clone();
        let first = self.amazon.call(request);
        let system = Arc::clone(&self.system);
        HttpConnectorFuture::new(async move {
            match (first.await, again) {
                (Err(error), Some(request)) if is_not_trusted(&error) => {
                    let Fallback { clients, settings, components } = &*system;
                    clients.needs_system.store(true, Ordering::Relaxed);
                    clients.system.http_connector(settings, components).call(request).await
                }
                (result, _) => result,
            }
        })
    }
}

/// Whether the server's certificate is not signed by the roots. In that case nothing was sent.
fn is_not_trusted(error: &(dyn Error + 'static)) -> bool {
    let mut errors = std::iter::successors(Some(error), |error| cause(*error));
    let tls = errors.find_map(|error| error.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        // Its `source` skips the error that it wraps.
        Some(error) => error.get_ref().map(|held| held as _),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_sns::config::Credentials;
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;

    use super::*;
    use crate::aws::describe;

    /// A proxy that inspects TLS: a server whose certificate is self-signed. Returns its port, and that certificate.
    async fn proxy() -> (u16, String) {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key);
        let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // The first handshake fails.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let _ = stream.read(&mut [0; 4096]).await;
                let body = "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>";
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        (port, cert.pem())
    }

    /// Publishes something there.
    async fn publish(port: u16, clients: Clients) -> Result<String, String> {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(AmazonFirst(Arc::new(clients)))
            .credentials_provider(Credentials::new("AKIATEST", "secret", None, None, "test"))
            .region(Region::from_static("eu-central-1"))
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .endpoint_url(format!("https://localhost:{port}"));
        let sns = aws_sdk_sns::Client::new(&config.load().await);
        let answer = sns.publish().topic_arn("arn").message("text").send().await;
        answer.map(|answer| answer.message_id.unwrap_or_default()).map_err(|error| describe(&error))
    }

    fn clients(system: TrustStore) -> Clients {
        let amazon = trusting(TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)).unwrap();
        Clients { amazon, system: trusting(system).unwrap(), needs_system: AtomicBool::new(false) }
    }

    #[tokio::test]
    async fn a_certificate_that_is_not_of_amazons_roots_may_be_of_the_systems() {
        let (port, root) = proxy().await;
        let system = TrustStore::empty().with_pem_certificate(root);
        assert_eq!(publish(port, clients(system)).await, Ok("1".to_owned()));

        let system = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
        let error = publish(port, clients(system)).await.unwrap_err();
        assert!(error.contains("invalid peer certificate"), "{error}");
    }

    #[test]
    fn a_bundle_that_cannot_be_used_is_an_error_that_names_it() {
        let error = |path: &str| {
            let path = path.to_owned();
            let environment = move |name: &str| (name == "AWS_CA_BUNDLE").then(|| path.clone());
            format!("{:#}", client(&environment).unwrap_err())
        };
        assert!(error("/nowhere.pem").starts_with("AWS_CA_BUNDLE, /nowhere.pem: cannot be read: No such file"));
        assert!(error("Cargo.toml").ends_with("contains no PEM certificate"));
        let read = |bundle: &str| only_certificates(bundle.as_bytes().to_vec()).map_err(|error| format!("{error:#}"));
        let roots = String::from_utf8(AMAZON_ROOTS.to_vec()).unwrap();
        assert_eq!(read(&roots).unwrap(), AMAZON_ROOTS);
        let bad = format!("{roots}-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
        let error = read(&bad).unwrap_err();
        assert!(error.starts_with("has an invalid certificate after 5: "), "{error}");
    }
}
