//! The world as the real AWS SDK sees it, in-process and over HTTP.

mod dynamodb;
mod eks;
mod faults;
mod http;
mod sdk;
mod sns;
mod ssm;
mod switches;
mod tagging;
mod updates;
