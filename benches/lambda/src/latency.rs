//! How long AWS takes to answer.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;

/// Of so many requests one can be slow.
const SLOW_ONE_IN: u32 = 16;

/// How long AWS takes, from a request's arrival to its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// Most requests.
    pub usual: Duration,
    /// One in [`SLOW_ONE_IN`]; each time the same ones.
    pub slow: Duration,
}

impl Latency {
    /// All requests alike.
    pub const fn of(usual: Duration) -> Self {
        Self { usual, slow: usual }
    }

    fn of_request(self, number: u32) -> Duration {
        // Spread by a multiplicative hash.
        let is_slow = (number.wrapping_mul(2_654_435_769) >> 16).is_multiple_of(SLOW_ONE_IN);
        if is_slow { self.slow } else { self.usual }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { usual, slow } = self;
        write!(f, "{} ms a call", usual.as_millis())?;
        if slow != usual {
            write!(f, ", {} ms one in {SLOW_ONE_IN}", slow.as_millis())?;
        }
        Ok(())
    }
}

/// A connection whose answers begin so long after their request. Tokio's timer would be late by one to three milliseconds, and would
/// wake in step all that wait, as no network does.
pub struct Delayed<S> {
    stream: S,
    latency: Latency,
    requests: Arc<AtomicU32>,
    pause: Pause,
}

impl<S> Delayed<S> {
    /// Counts the requests of all connections.
    pub fn new(stream: S, latency: Latency, requests: Arc<AtomicU32>) -> Self {
        Self { stream, latency, requests, pause: Pause::None }
    }
}

enum Pause {
    /// The next answer has to wait.
    None,
    Running(JoinHandle<()>),
    /// The rest of the answer has not.
    Over,
}

impl<S: AsyncRead + Unpin> AsyncRead for Delayed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() {
            self.pause = Pause::None;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Delayed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if matches!(self.pause, Pause::None) && self.latency != Latency::default() {
            let latency = self.latency.of_request(self.requests.fetch_add(1, Ordering::Relaxed));
            self.pause = Pause::Running(tokio::task::spawn_blocking(move || thread::sleep(latency)));
        }
        if let Pause::Running(sleep) = &mut self.pause {
            ready!(Pin::new(sleep).poll(cx))?;
            self.pause = Pause::Over;
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
