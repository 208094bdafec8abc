//! How a command prints.

use clap::ValueEnum;

use crate::failure::Failure;
use terminal::output::Output;

/// How a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text and tables for people.
    Table,
    /// Of nodegroups: more columns.
    Wide,
    /// One JSON document.
    Json,
    /// Of nodegroups: comma-separated values.
    Csv,
    /// Of nodegroups: names, one per line.
    Name,
}

impl Format {
    /// The same for the commands that print a table or a document.
    ///
    /// # Errors
    /// When it is a format of lists.
    pub fn output(self) -> Result<Output, Failure> {
        match self {
            Self::Table => Ok(Output::Table),
            Self::Json => Ok(Output::Json),
            Self::Wide | Self::Csv | Self::Name => {
                Err(Failure::usage("only the command nodegroups has the outputs wide, csv and name"))
            }
        }
    }
}
