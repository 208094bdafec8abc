//! The world as the real AWS SDK sees it, in-process and over HTTP.

mod dynamodb;
mod eks;
mod faults;
mod floors;
mod http;
mod quirks;
mod releases;
mod sdk;
mod sns;
mod ssm;
mod tagging;
mod updates;
