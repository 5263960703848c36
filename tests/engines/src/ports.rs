//! Free ports.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// SeaweedFS serves gRPC this far above each HTTP port.
const GRPC: u16 = 10_000;

/// Candidates: neither they nor their gRPC ports are among those the system gives to clients (32768 and up on Linux).
const FIRST: u16 = 10_000;
const COUNT: u64 = 12_000;

/// Returns a port that is free, as is the one [`GRPC`] above it, and that this process was not given before.
///
/// Another process may take it before a server does, so a server that finds its port in use is started again on others.
/// Processes begin at random places to make that rare.
pub(crate) fn free() -> SocketAddr {
    static NEXT: OnceLock<AtomicU64> = OnceLock::new();
    let next = NEXT.get_or_init(|| AtomicU64::new(RandomState::new().hash_one(0) % COUNT));
    for _ in 0..COUNT {
        let port = FIRST + (next.fetch_add(1, Ordering::Relaxed) % COUNT) as u16;
        let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if is_free(port) && is_free(port + GRPC) {
            return (Ipv4Addr::LOCALHOST, port).into();
        }
    }
    panic!("no port between {FIRST} and {} is free", u64::from(FIRST) + COUNT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_given_once() {
        let ports: std::collections::BTreeSet<_> = (0..50).map(|_| free()).collect();
        assert_eq!(ports.len(), 50);
    }
}
