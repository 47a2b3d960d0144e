//! Kafka as the services use it: one consumer loop, one producer, a reader without a group, and administration.

pub mod admin;
pub mod client;
mod complaints;
pub mod consumer;
pub mod dead_letters;
pub mod frontier;
mod gate;
mod meters;
pub mod producer;
pub mod reader;
mod tracker;

pub use client::{Client, Unreachable, check};
pub use consumer::{ConsumerSettings, Handler, Record};
pub use dead_letters::DeadLetters;
pub use gate::Gate;
pub use producer::{Delivered, Producer, ProducerSettings, SendError};
pub use reader::{Reader, Start};
pub use tracker::{Ticket, finish_all};
