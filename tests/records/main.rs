//! The record layer on a DynamoDB: the simulated one, or the server that `DYNAMODB_ENDPOINT_URL` names.
//!
//! `tests/python/test_records.py` runs these same tests on two servers that nobody here wrote. Unlike the simulated one,
//! both refuse expressions that use DynamoDB's reserved words, and items that are too large.

mod examples;
mod malformed;
mod merges;
mod pending;
mod round_trips;
mod sizes;
mod table;
mod writers;
