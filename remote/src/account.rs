//! What was asked of servers, and what that costs.

use std::sync::atomic::{AtomicU64, Ordering};

/// Dollars for a million requests that write or list: the list price of S3 Standard in us-east-1, 2026.
const WRITE_PRICE: f64 = 5.0;
/// Dollars for a million requests that read, likewise.
const READ_PRICE: f64 = 0.4;
/// Dollars for 10^9 bytes that leave the provider's network, likewise.
const RECEIVE_PRICE: f64 = 0.09;

/// What was asked of a server so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// Requests that read: GET and HEAD.
    pub reads: u64,
    /// Requests that write or list, which are dearer: PUT, POST and LIST.
    pub writes: u64,
    /// Requests that delete, which are free.
    pub deletes: u64,
    /// Bytes that came.
    pub received: u64,
    /// Bytes that went.
    pub sent: u64,
}

impl Requests {
    /// The sum of both.
    pub(crate) fn plus(self, other: Self) -> Self {
        Requests {
            reads: self.reads + other.reads,
            writes: self.writes + other.writes,
            deletes: self.deletes + other.deletes,
            received: self.received + other.received,
            sent: self.sent + other.sent,
        }
    }

    /// Requests of all kinds.
    pub fn all(&self) -> u64 {
        self.reads + self.writes + self.deletes
    }

    /// What they cost in dollars by the list prices of Amazon S3, without the way out of its network.
    pub fn request_dollars(&self) -> f64 {
        (self.writes as f64 * WRITE_PRICE + self.reads as f64 * READ_PRICE) / 1e6
    }

    /// What the way out of Amazon's network costs in dollars: nothing for a machine within the region.
    pub fn transfer_dollars(&self) -> f64 {
        self.received as f64 / 1e9 * RECEIVE_PRICE
    }
}

/// Counts requests.
#[derive(Debug, Default)]
pub(crate) struct Account {
    reads: AtomicU64,
    writes: AtomicU64,
    deletes: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Account {
    pub(crate) fn reads(&self, requests: u64) {
        count(&self.reads, requests);
    }

    pub(crate) fn received(&self, bytes: u64) {
        count(&self.received, bytes);
    }

    pub(crate) fn writes(&self, requests: u64, bytes: u64) {
        count(&self.writes, requests);
        count(&self.sent, bytes);
    }

    pub(crate) fn deletes(&self, requests: u64) {
        count(&self.deletes, requests);
    }

    pub(crate) fn requests(&self) -> Requests {
        let Account { reads, writes, deletes, received, sent } = self;
        let [reads, writes, deletes, received, sent] =
            [reads, writes, deletes, received, sent].map(|counter| counter.load(Ordering::Relaxed));
        Requests { reads, writes, deletes, received, sent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_requests_have_their_price() {
        let requests = Requests { reads: 1_000_000, writes: 1_000_000, received: 1_000_000_000, ..Requests::default() };
        assert!((requests.request_dollars() - 5.4).abs() < 1e-9);
        assert!((requests.transfer_dollars() - 0.09).abs() < 1e-9);
    }
}
