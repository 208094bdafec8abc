//! The SDK's clients, pointed at a world.

use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_eks::config::Credentials;
use aws_sdk_eks::config::retry::RetryConfig;
use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};
use simulated_aws::{REGION, World};
use tokio::net::TcpListener;

pub fn world() -> World {
    World::new("2026-07-01T08:00:00Z".parse().expect("a timestamp"))
}

pub struct Clients {
    pub eks: aws_sdk_eks::Client,
    pub ssm: aws_sdk_ssm::Client,
    pub sns: aws_sdk_sns::Client,
    pub tagging: aws_sdk_resourcegroupstagging::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
}

/// Clients that try once, without a socket.
pub async fn clients(world: &World) -> Clients {
    let loader = loader().http_client(world.http_client()).retry_config(RetryConfig::disabled());
    Clients::of(&loader.load().await)
}

/// Clients that retry as they do by default, without a socket.
pub async fn patient_clients(world: &World) -> Clients {
    Clients::of(&loader().http_client(world.http_client()).load().await)
}

/// Clients that try once, over loopback HTTP.
pub async fn remote_clients(world: &World) -> anyhow::Result<Clients> {
    let endpoint = serve(world).await?;
    let loader = loader().endpoint_url(endpoint).retry_config(RetryConfig::disabled());
    Ok(Clients::of(&loader.load().await))
}

/// Serves the world and answers where.
pub async fn serve(world: &World) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    tokio::spawn(world.clone().serve(listener));
    Ok(endpoint)
}

fn loader() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("AKIDTEST", "secret", None, None, "test"))
}

impl Clients {
    fn of(config: &SdkConfig) -> Self {
        Self {
            eks: aws_sdk_eks::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            tagging: aws_sdk_resourcegroupstagging::Client::new(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
        }
    }
}

/// The code and message of a service's error; `accepted`, `unreadable` or `lost` for what is none.
pub fn refusal<T, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> (String, String) {
    match result {
        Ok(_) => ("accepted".to_owned(), String::new()),
        Err(SdkError::ServiceError(error)) => (
            error.err().code().unwrap_or("unreadable").to_owned(),
            error.err().message().unwrap_or_default().to_owned(),
        ),
        Err(_) => ("lost".to_owned(), String::new()),
    }
}
