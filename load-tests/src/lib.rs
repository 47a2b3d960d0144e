//! A simulated fleet of cash registers, and the check of what became of its documents.
//!
//! The fleet is the independent truth: it has its own encoders and its own rules and shares no code with the
//! hub. From one seed it makes a [`world`] of tenants, shops, registers and goods; each register is a
//! [`till::Till`] that makes [`document`]s, which [`encode`] writes down in the register's format.

pub mod check;
pub mod check_digits;
pub mod clock;
pub mod content;
pub mod demo;
pub mod document;
pub mod encode;
pub mod enrolment;
pub mod family;
pub mod fleet;
pub mod forwarded;
pub mod goods;
pub mod ledger;
pub mod live;
pub mod processes;
pub mod product_key;
pub mod products;
pub mod random;
pub mod recall;
pub mod till;
pub mod truth;
pub mod world;
