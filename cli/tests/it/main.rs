//! The command line, as a person and as a script run it.

mod account;
mod actions;
mod caller;
mod completions;
mod credentials;
mod denied;
mod documents;
mod hostile;
mod locale;
mod pipes;
mod places;
mod proxy;
mod serve;
mod served;
mod story;
mod tags;
mod terminal;
mod usage;
mod verbose;
mod waiting;
