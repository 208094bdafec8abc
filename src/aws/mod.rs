//! The AWS clients, and AWS's errors as text.

mod clients;
pub mod endpoints;
mod error;
pub mod http;
pub mod pace;
pub mod pages;

use futures_util::{FutureExt as _, Stream, StreamExt as _};

pub use clients::{CheckClients, StartClients, config_loader, configuration};
pub use error::{describe, is_throttled};

/// How many requests of one kind are in flight at once. EKS publishes no request rates, so this is cautious; the adaptive
/// retries slow down further when AWS throttles.
pub const CONCURRENCY: usize = 8;

/// Makes calls, [`CONCURRENCY`] of them at once, and returns their results in order. With `buffered`, a slow call would delay
/// those after it.
pub async fn concurrently<T>(calls: impl Stream<Item: Future<Output = T>>) -> Vec<T> {
    let numbered = calls.enumerate().map(|(number, call)| call.map(move |result| (number, result)));
    let mut results: Vec<(usize, T)> = numbered.buffer_unordered(CONCURRENCY).collect().await;
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}
