//! The simulated AWS over TLS, with AWS's host names, a latency for each call, and rates that it refuses to exceed.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};
use serde_json::Value;
use simulated_aws::{ApiError, Fault, Nodegroup, REGION, Request, World};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{CipherSuite, ServerConfig};

use crate::latency::{Delayed, Latency};

/// The table that holds the records.
pub const TABLE: &str = "updates";
/// What the node groups run, and what comes out later.
const RELEASE: &str = "1.33.1-20260610";
const NEWER_RELEASE: &str = "1.33.2-20260710";
/// The AMI type of the first node group, which is the one that can be outdated, and of the others.
const FIRST_AMI_TYPE: &str = "AL2023_ARM_64_STANDARD";
const AMI_TYPE: &str = "AL2023_x86_64_STANDARD";
/// As many as EKS allows by default.
const NODEGROUPS_PER_CLUSTER: usize = 30;

/// The services that a function calls, as their host names begin.
pub const SERVICES: [&str; 6] = ["dynamodb", "eks", "events", "sns", "ssm", "tagging"];

/// The name of a service's endpoint.
pub fn host(service: &str) -> String {
    format!("{service}.{REGION}.amazonaws.com")
}

/// A root of our own, and a certificate for AWS's names.
pub struct Certificates {
    /// The root: what a client has to trust.
    pub root_pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Certificates {
    /// A root, an intermediate and a server's certificate, each with an RSA key of 2,048 bits as those of AWS's endpoints.
    /// The root's key and certificate are kept in this directory, because the root is built into what is measured.
    pub fn issue(directory: &Path) -> Result<Self> {
        let generate = || KeyPair::generate_for(&PKCS_RSA_SHA256);
        let authority = |name: &str| -> Result<CertificateParams> {
            let mut params = CertificateParams::new([])?;
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            Ok(params)
        };
        let (key_file, root_file) = (directory.join("root.key"), directory.join("root.pem"));
        let root_params = authority("Benchmark Root")?;
        let root_key = match fs::read_to_string(&key_file) {
            Ok(pem) => KeyPair::from_pem(&pem)?,
            Err(_) => {
                let key = generate()?;
                fs::write(&root_file, root_params.self_signed(&key)?.pem()).context("writing the root")?;
                fs::write(&key_file, key.serialize_pem()).context("writing the root's key")?;
                key
            }
        };
        let root_pem = fs::read_to_string(&root_file).context("reading the root")?;
        let root = Issuer::new(root_params, root_key);
        let (params, intermediate_key) = (authority("Benchmark Intermediate")?, generate()?);
        let intermediate = params.signed_by(&intermediate_key, &root)?;
        let issuer = Issuer::new(params, intermediate_key);
        let names: Vec<_> = SERVICES.iter().map(|service| host(service)).chain(["localhost".to_owned()]).collect();
        let key = generate()?;
        let server = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
        Ok(Self {
            root_pem,
            chain: vec![server.der().clone(), intermediate.der().clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }
}

/// What is served to new connections.
#[derive(Clone)]
struct Served {
    world: World,
    latency: Latency,
    /// The requests so far.
    requests: Arc<AtomicU32>,
}

/// A server on loopback whose world can be exchanged between two runs.
#[derive(Clone)]
pub struct FakeAws {
    served: Arc<Mutex<Served>>,
    /// Where it listens.
    pub port: u16,
}

impl FakeAws {
    /// Listens, and serves until the program ends. Port 0 takes a free one.
    pub async fn listen(port: u16, certificates: Certificates) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = listener.local_addr()?.port();
        let acceptor = TlsAcceptor::from(Arc::new(tls_config(certificates)?));
        let served = Served { world: new_world(), latency: Latency::default(), requests: Arc::default() };
        let served = Arc::new(Mutex::new(served));
        tokio::spawn(serve(listener, acceptor, served.clone()));
        Ok(Self { served, port })
    }

    /// Serves this world to every connection from now on.
    pub fn put(&self, world: World, latency: Latency) {
        let served = Served { world, latency, requests: Arc::default() };
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = served;
    }
}

/// As AWS's endpoints: of what the client offers they take what they prefer, AES with 128 bits. CloudTrail's records say so, whose
/// `tlsDetails` name that cipher even for clients that would rather have 256.
fn tls_config(Certificates { chain, key, .. }: Certificates) -> Result<ServerConfig> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let config = ServerConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions()?;
    let mut config = config.with_no_client_auth().with_single_cert(chain, key)?;
    config.ignore_client_order = true;
    Ok(config)
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, served: Arc<Mutex<Served>>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let Served { world, latency, requests } = served.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let acceptor = acceptor.clone();
        // A handshake that fails is the client's to report.
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                world.serve_connection(Delayed::new(stream, latency, requests)).await;
            }
        });
    }
}

/// How AWS behaves in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Conditions {
    /// How long it takes.
    pub latency: Latency,
    /// Requests of one operation a second, above which they are refused; as many may come at once after a pause.
    pub rate: Option<f64>,
}

/// A world with so many current node groups, a table and a topic. Returns the topic's ARN, too.
pub fn world(nodegroups: usize) -> (World, String) {
    let world = new_world();
    for index in 0..nodegroups {
        let cluster = format!("cluster-{}", index / NODEGROUPS_PER_CLUSTER);
        if index % NODEGROUPS_PER_CLUSTER == 0 {
            world.add_cluster(&cluster, "1.33");
        }
        let ami_type = if index == 0 { FIRST_AMI_TYPE } else { AMI_TYPE };
        let nodegroup = Nodegroup::new(&cluster, &format!("nodegroup-{index}")).ami_type(ami_type).version("1.33");
        world.add_nodegroup(nodegroup.release(RELEASE).tag("ami-update", "auto"));
    }
    world.publish_release(FIRST_AMI_TYPE, "1.33", RELEASE);
    world.publish_release(AMI_TYPE, "1.33", RELEASE);
    world.create_table(&updates_table());
    let topic = world.create_topic("notifications");
    (world, topic)
}

/// The table as the template defines it.
fn updates_table() -> Value {
    let template: Value =
        serde_saphyr::from_str(include_str!("../../../template.yaml")).expect("template.yaml is YAML");
    let mut table = template["Resources"]["UpdatesTable"]["Properties"].clone();
    table["TableName"] = TABLE.into();
    table
}

/// A newer release comes out for the first node group, and for it alone.
pub fn outdate_the_first(world: &World) {
    world.publish_release(FIRST_AMI_TYPE, "1.33", NEWER_RELEASE);
}

/// Lets the world refuse requests above this rate from now on, and forgets its requests. What it refuses, and when, is found in
/// what is returned.
pub fn set_rate(world: &World, rate: Option<f64>) -> Arc<Mutex<Vec<Duration>>> {
    world.clear_requests();
    let refused: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let (refusals, began) = (refused.clone(), Instant::now());
    let mut buckets = Buckets::default();
    world.on_request(move |request| {
        if rate.is_none_or(|rate| buckets.take(request, rate)) {
            return Fault::None;
        }
        refusals.lock().unwrap_or_else(PoisonError::into_inner).push(began.elapsed());
        Fault::Error(ApiError::throttling())
    });
    refused
}

#[expect(clippy::disallowed_methods, reason = "what is measured reads the real clock")]
fn new_world() -> World {
    World::with_clock(Timestamp::now)
}

/// A token bucket for each operation of EKS and SSM, the services whose rates an account's tools share.
#[derive(Default)]
struct Buckets(HashMap<String, (f64, Instant)>);

impl Buckets {
    fn take(&mut self, request: &Request, rate: f64) -> bool {
        if !matches!(request.service, "eks" | "ssm") {
            return true;
        }
        let now = Instant::now();
        let (tokens, filled_at) = self.0.entry(request.action.clone()).or_insert((rate, now));
        *tokens = (*tokens + now.duration_since(*filled_at).as_secs_f64() * rate).min(rate);
        *filled_at = now;
        let taken = *tokens >= 1.0;
        if taken {
            *tokens -= 1.0;
        }
        taken
    }
}

/// How often each operation was called since the conditions were set.
pub fn calls(world: &World) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for request in world.requests() {
        *calls.entry(request.action).or_default() += 1;
    }
    calls
}
