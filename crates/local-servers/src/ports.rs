//! Free ports on 127.0.0.1.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rand::RngExt;

use crate::{Error, Kind, Result};

/// Random ports come from below the range from which Linux takes the ports of outgoing connections
/// (32768 and up): one of those could sit on a server's port while the server is being restarted.
const RANDOM: std::ops::Range<u16> = 16_000..24_000;
const TRIES: usize = 200;

/// Ports held for servers that are about to start, so that two of them do not get the same one.
#[derive(Default)]
pub(crate) struct Ports {
    held: Vec<TcpListener>,
}

impl Ports {
    /// The last port if it is free, else the usual one, else one of its kin (19092 for 9092, 29092), else any.
    pub(crate) fn prefer(&mut self, kind: Kind, last: Option<u16>, usual: u16) -> Result<u16> {
        let kin = [0, 10_000, 20_000].into_iter().filter_map(|step| usual.checked_add(step));
        for port in last.into_iter().chain(kin) {
            if self.hold(port) {
                return Ok(port);
            }
        }
        self.any(kind)
    }

    /// Any free port.
    pub(crate) fn any(&mut self, kind: Kind) -> Result<u16> {
        let mut rng = rand::rng();
        (0..TRIES).map(|_| rng.random_range(RANDOM)).find(|port| self.hold(*port)).ok_or(Error::NoPort { kind })
    }

    /// Holds the port until this value is dropped; `false` if it is taken.
    fn hold(&mut self, port: u16) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // Some systems let a second listener in beside one on all addresses: ask whether anyone answers.
        if TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
            return false;
        }
        match TcpListener::bind(address) {
            Ok(listener) => {
                self.held.push(listener);
                true
            }
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free() -> u16 {
        Ports::default().any(Kind::Kafka).unwrap()
    }

    #[test]
    fn the_last_port_is_taken_if_it_is_free() {
        let (last, usual) = (free(), free());
        let chosen = Ports::default().prefer(Kind::Kafka, Some(last), usual);
        assert_eq!(chosen.unwrap(), last);
    }

    #[test]
    fn a_taken_port_gives_way_to_the_usual_one_and_that_to_its_kin() {
        // Neither this port nor its kin are in the range of the random ones.
        let (taken, usual) = (TcpListener::bind("127.0.0.1:0").unwrap(), 15_011);
        let last = taken.local_addr().unwrap().port();
        let mut ports = Ports::default();
        let first = ports.prefer(Kind::Kafka, Some(last), usual).unwrap();
        let second = ports.prefer(Kind::Kafka, Some(last), usual).unwrap();
        assert_eq!([first, second], [usual, usual + 10_000]);
    }

    #[test]
    fn random_ports_stay_clear_of_outgoing_connections() {
        let port = Ports::default().any(Kind::Postgres).unwrap();
        assert!(RANDOM.contains(&port), "{port}");
    }
}
