//! CloudFormation stacks.

use jiff::Timestamp;

/// A CloudFormation stack, as `DescribeStacks` shows it.
///
/// [`Stack::new`] makes one whose creation is complete; a test sets only what matters to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) description: Option<String>,
    pub(crate) status: String,
    pub(crate) outputs: Vec<Output>,
    pub(crate) created_at: Timestamp,
}

/// An output of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) description: String,
}

impl Stack {
    /// A stack without outputs, `CREATE_COMPLETE`.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            arn: String::new(),
            description: None,
            status: "CREATE_COMPLETE".to_owned(),
            outputs: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// Sets the description.
    #[must_use]
    pub fn description(self, description: &str) -> Self {
        Self { description: Some(description.to_owned()), ..self }
    }

    /// Sets the status, one of AWS's `StackStatus`.
    #[must_use]
    pub fn status(self, status: &str) -> Self {
        Self { status: status.to_owned(), ..self }
    }

    /// Adds an output.
    #[must_use]
    pub fn output(mut self, key: &str, value: &str, description: &str) -> Self {
        self.outputs.push(Output { key: key.to_owned(), value: value.to_owned(), description: description.to_owned() });
        self
    }
}
