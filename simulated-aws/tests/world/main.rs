//! The world as the real AWS SDK sees it, in-process and over HTTP.

mod account;
mod cloudformation;
mod clusters;
mod dynamodb;
mod eks;
mod failures;
mod faults;
mod floors;
mod http;
mod lambda;
mod launch_templates;
mod quirks;
mod regions;
mod releases;
mod sdk;
mod sns;
mod ssm;
mod tagging;
mod updates;
