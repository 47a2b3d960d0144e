//! The families from outside: framing and parsing of whole documents.

// The lint knows tests, but not the helpers of tests.
#![allow(clippy::unwrap_used)]

mod atol;
mod atol_client;
mod atol_online;
mod change;
mod dreamkas;
mod evotor;
mod ffd_tlv;
mod fns_json;
mod framing;
mod frontol;
mod golden;
mod kassir_5;
mod paths;
mod personal;
mod robustness;
mod round_trip;
mod set_retail;
mod support;
mod tlv_back;
mod vendors;
mod xml_1c;
