//! What stands before a simulated AWS, and may answer in its place, or late.

use std::cell::RefCell;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::served::Served;

/// A request on its way.
pub struct Request {
    /// Its method, path and protocol.
    pub first_line: String,
    /// How it is signed, if it is.
    pub signature: Option<Signature>,
    /// Its body.
    pub body: String,
}

/// What a signature says: who signed, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub key_id: String,
    pub region: String,
    pub service: String,
}

/// An answer with this status and body.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// Stands before a simulated AWS; its address. What `answer` says to a request goes back in place of what AWS would say.
pub fn before(served: &Served, answer: impl Fn(&Request) -> Option<String> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (upstream, answer) = (served.address.clone(), Arc::new(answer));
    thread::spawn(move || {
        for client in listener.incoming() {
            let (upstream, answer) = (upstream.clone(), Arc::clone(&answer));
            thread::spawn(move || pass(client?, &upstream, answer.as_ref()));
        }
    });
    address
}

/// Stands before a simulated AWS that goes away and comes back.
pub struct Away {
    pub address: String,
    upstream: String,
    /// Whether the thread that accepts connections is to end.
    is_away: Arc<AtomicBool>,
    thread: RefCell<Option<JoinHandle<()>>>,
}

impl Away {
    /// One that is there.
    pub fn new(served: &Served) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let away = Self { address, upstream: served.address.clone(), is_away: Arc::default(), thread: None.into() };
        away.accept(listener);
        away
    }

    fn accept(&self, listener: TcpListener) {
        let (upstream, is_away) = (self.upstream.clone(), Arc::clone(&self.is_away));
        let thread = thread::spawn(move || {
            for client in listener.incoming() {
                if is_away.load(Ordering::SeqCst) {
                    return;
                }
                let upstream = upstream.clone();
                thread::spawn(move || pass(client?, &upstream, &|_| None));
            }
        });
        self.thread.replace(Some(thread));
    }

    /// From now on, connections are refused.
    pub fn go(&self) {
        self.is_away.store(true, Ordering::SeqCst);
        // It wakes the thread, which closes its listener.
        TcpStream::connect(&self.address).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }

    /// From now on, they are accepted again.
    pub fn come_back(&self) {
        self.is_away.store(false, Ordering::SeqCst);
        self.accept(TcpListener::bind(&self.address).unwrap());
    }
}

/// Requests by name, and how each was signed.
pub type Requests = Vec<(String, Option<Signature>)>;

/// Writes down every request to a simulated AWS. Some answers are not its own.
pub struct Recorder {
    pub address: String,
    requests: Arc<Mutex<Requests>>,
    _served: Served,
}

impl Recorder {
    pub fn new(answer: impl Fn(&Request) -> Option<String> + Send + Sync + 'static) -> Self {
        let served = Served::at_speed("60");
        let requests: Arc<Mutex<Requests>> = Arc::default();
        let recorded = Arc::clone(&requests);
        let address = before(&served, move |request| {
            let name = request.body.split('&').next().unwrap_or_default();
            let name = if name.starts_with("Action=") { name } else { request.first_line.as_str() };
            recorded.lock().unwrap().push((name.to_owned(), request.signature.clone()));
            answer(request)
        });
        Self { address, requests, _served: served }
    }

    /// What was asked since the last time.
    pub fn take(&self) -> Requests {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    /// Who signed it, once each, in order.
    pub fn key_ids(&self) -> Vec<String> {
        let mut key_ids: Vec<String> = self
            .take()
            .into_iter()
            .map(|(name, signature)| signature.map_or_else(|| format!("nobody: {name}"), |signature| signature.key_id))
            .collect();
        key_ids.dedup();
        key_ids
    }
}

/// Passes one request on, and the answer back, after which the connection is closed.
fn pass(mut client: TcpStream, upstream: &str, answer: &dyn Fn(&Request) -> Option<String>) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let (mut head, mut length, mut signature) = (String::new(), 0, None);
    while !head.ends_with("\r\n\r\n") {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        signature = signature.or_else(|| signature_of(&line));
        head += if line == "\r\n" { "Connection: close\r\n\r\n" } else { &line };
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let first_line = head.lines().next().unwrap_or_default().to_owned();
    let request = Request { first_line, signature, body: String::from_utf8_lossy(&body).into_owned() };
    let mut bytes = Vec::new();
    if let Some(answer) = answer(&request) {
        bytes.extend(answer.into_bytes());
    } else {
        let mut server = TcpStream::connect(upstream)?;
        server.write_all(head.as_bytes())?;
        server.write_all(&body)?;
        server.read_to_end(&mut bytes)?;
    }
    client.write_all(&bytes)?;
    client.shutdown(Shutdown::Write)
}

/// Of `Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`.
fn signature_of(line: &str) -> Option<Signature> {
    let mut scope = line.split_once("Credential=")?.1.split('/').map(str::to_owned);
    let (key_id, _) = (scope.next()?, scope.next()?);
    Some(Signature { key_id, region: scope.next()?, service: scope.next()? })
}
