//! An account over HTTP, mounted twice: under an SDK without a socket, and as a server.

use std::fmt;
use std::io;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::wire::answer;
use crate::world::World;
use crate::world::exchange::ConnectionLost;
use crate::world::regions::Account;

/// The largest body the server reads; DynamoDB's own limit for a request.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

impl World {
    /// The world as the HTTP client of an SDK configuration: without sockets or waiting.
    pub fn http_client(&self) -> SharedHttpClient {
        Account::from(self.clone()).http_client()
    }

    /// Serves the world alone, as [`Account::serve`] does.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        Account::from(self).serve(listener).await
    }

    /// Serves the world alone to one connection, as [`Account::serve_connection`] does.
    pub async fn serve_connection(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        Account::from(self.clone()).serve_connection(stream).await;
    }
}

impl Account {
    /// The account as the HTTP client of an SDK configuration: without sockets or waiting.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(InProcess { account: self.clone() })
    }

    /// Serves the account over plain HTTP to any client that is pointed there (`AWS_ENDPOINT_URL`,
    /// `--endpoint-url`). Ends only with an error of the listener; dropping the future closes every connection.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        let mut connections = JoinSet::new();
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) if is_of_one_connection(&error) => continue,
                Err(error) => return Err(error),
            };
            while connections.try_join_next().is_some() {}
            let account = self.clone();
            connections.spawn(async move { account.serve_connection(stream).await });
        }
    }

    /// Serves one connection, for instance one with TLS, until the client ends it.
    pub async fn serve_connection(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let service = service_fn(|request: Request<Incoming>| answer_over_http(self, request));
        // An error here is a client that disconnected or a connection that should break: there is nobody to report it to.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }
}

/// The mount under the SDK.
#[derive(Clone)]
struct InProcess {
    account: Account,
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let account = self.account.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?
                .map(|body| body.bytes().map(Bytes::copy_from_slice).unwrap_or_default());
            match account.exchange(request).await {
                Ok(response) => HttpResponse::try_from(response.map(SdkBody::from))
                    .map_err(|error| ConnectorError::other(error.into(), None)),
                Err(ConnectionLost) => Err(ConnectorError::io(connection_reset().into())),
            }
        })
    }
}

async fn answer_over_http(account: &Account, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            let message = Bytes::from(format!("cannot read the body: {error}"));
            return Ok(answer::response(413, "text/plain", message).map(Full::new));
        }
    };
    match account.exchange(Request::from_parts(parts, body)).await {
        Ok(response) => Ok(response.map(Full::new)),
        Err(ConnectionLost) => Err(connection_reset()),
    }
}

fn connection_reset() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection broke, as it was asked to")
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
