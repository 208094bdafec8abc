//! Lambda functions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

/// A run of a function that has begun.
pub(crate) type Run = Pin<Box<dyn Future<Output = Result<Value, FunctionError>> + Send>>;

/// A Lambda function of the world. It has one version, `$LATEST`, to which every alias points.
///
/// [`Function::new`] makes one with AWS's defaults; a test sets only what matters to it.
#[derive(Clone)]
pub struct Function {
    pub(crate) name: String,
    pub(crate) aliases: BTreeSet<String>,
    pub(crate) timeout: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) handler: Arc<dyn Fn(Invocation) -> Run + Send + Sync>,
}

/// Lambda's data about one invocation.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// The ARN by which it was invoked, with the alias or version if it was invoked through one.
    pub function_arn: String,
    /// The id of the request, which the client also gets.
    pub request_id: String,
    /// The event.
    pub payload: Value,
}

/// The error of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// Its kind.
    pub error_type: String,
    /// What went wrong.
    pub error_message: String,
}

impl Function {
    /// A function that runs `handler` for every invocation. The handler may use the world, also over HTTP.
    pub fn new<F, R>(name: &str, handler: F) -> Self
    where
        F: Fn(Invocation) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, FunctionError>> + Send + 'static,
    {
        Self {
            name: name.to_owned(),
            aliases: BTreeSet::new(),
            timeout: Duration::from_secs(3),
            memory_mb: 128,
            environment: BTreeMap::new(),
            handler: Arc::new(move |invocation| Box::pin(handler(invocation))),
        }
    }

    /// Adds an alias.
    #[must_use]
    pub fn alias(mut self, name: &str) -> Self {
        self.aliases.insert(name.to_owned());
        self
    }

    /// Adds an environment variable. `GetFunctionConfiguration` shows it; the handler has its own ways to know.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets the timeout. `GetFunctionConfiguration` shows it; it is not enforced.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Whether it can be invoked by this alias or version.
    pub(crate) fn answers_to(&self, qualifier: &str) -> bool {
        qualifier == "$LATEST" || self.aliases.contains(qualifier)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("name", &self.name).field("aliases", &self.aliases).finish_non_exhaustive()
    }
}
