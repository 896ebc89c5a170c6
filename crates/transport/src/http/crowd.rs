//! How many connections there are, and whose: one address never has all of them.
//!
//! What comes by a socket in the file system has no address, and is of our own account anyway.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Those that are connected.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    most: usize,
    of_one: usize,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Debug, Default)]
struct Inside {
    all: usize,
    of: BTreeMap<IpAddr, usize>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Crowd,
    of: Option<IpAddr>,
}

impl Crowd {
    /// So many at most, and of one address so many.
    pub(super) fn new(most: usize, of_one: usize) -> Self {
        Self { most, of_one, inside: Arc::default() }
    }

    pub(super) fn count(&self) -> usize {
        self.lock().all
    }

    /// One more, if there is room for it.
    pub(super) fn enter(&self, from: Option<IpAddr>) -> Option<Seat> {
        let of = from.map(whose);
        let mut inside = self.lock();
        if inside.all >= self.most {
            return None;
        }
        if let Some(of) = of {
            let theirs = inside.of.entry(of).or_default();
            if *theirs >= self.of_one {
                return None;
            }
            *theirs += 1;
        }
        inside.all += 1;
        Some(Seat { crowd: self.clone(), of })
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inside = self.crowd.lock();
        inside.all = inside.all.saturating_sub(1);
        let Some(of) = self.of else { return };
        let left = inside.of.get(&of).map_or(0, |theirs| theirs.saturating_sub(1));
        if left == 0 {
            inside.of.remove(&of);
        } else {
            inside.of.insert(of, left);
        }
    }
}

/// Whose an address is. Who has one of IPv6 has its 2^64 neighbours as well (RFC 6177).
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_its_share_and_leaves_it() {
        let crowd = Crowd::new(4, 2);
        let enters = |ip: &str| crowd.enter(Some(ip.parse().unwrap()));
        let (first, _second) = (enters("192.0.2.1").unwrap(), enters("::ffff:192.0.2.1").unwrap());
        assert!(enters("192.0.2.1").is_none());
        let _other = enters("2001:db8::1").unwrap();
        let _neighbour = enters("2001:db8::2").unwrap();
        assert!(enters("2001:db8:0:1::1").is_none(), "all are taken");
        drop(first);
        assert!(enters("2001:db8::3").is_none(), "a neighbour is the same");
        assert!(enters("192.0.2.1").is_some());
        assert_eq!(crowd.count(), 3);
        assert!(crowd.enter(None).is_some(), "a socket in the file system has no share");
    }
}
