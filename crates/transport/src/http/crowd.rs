//! How many connections there are, and whose: one address never has all of them, and whoever never
//! was somebody known gives way.
//!
//! What comes by a socket in the file system has no address, and is of our own account anyway.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::caller::Standing;

/// Those that are connected.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    most: usize,
    of_one: usize,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Debug, Default)]
struct Inside {
    next: u64,
    /// In the order in which they came.
    all: BTreeMap<u64, Sitting>,
    of: BTreeMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Sitting {
    of: Option<IpAddr>,
    standing: Standing,
    leaves: Arc<Notify>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Crowd,
    number: u64,
    leaves: Arc<Notify>,
}

impl Crowd {
    /// So many at most, and of one address so many.
    pub(super) fn new(most: usize, of_one: usize) -> Self {
        Self { most, of_one, inside: Arc::default() }
    }

    pub(super) fn count(&self) -> usize {
        self.lock().all.len()
    }

    /// One more takes nobody's place.
    pub(super) fn has_room(&self, from: Option<IpAddr>) -> bool {
        let inside = self.lock();
        let theirs = from.and_then(|from| inside.of.get(&whose(from))).copied().unwrap_or_default();
        theirs < self.of_one && inside.all.len() < self.most
    }

    /// One more, if there is room for it, or somebody gives way: whoever came first of those that
    /// nobody knows. Where one address has its share, it is one of that address.
    pub(super) fn enter(&self, from: Option<IpAddr>, standing: &Standing) -> Option<Seat> {
        let of = from.map(whose);
        let mut inside = self.lock();
        let theirs = of.and_then(|of| inside.of.get(&of)).copied().unwrap_or_default();
        if theirs >= self.of_one {
            inside.make_room(of)?;
        } else if inside.all.len() >= self.most {
            inside.make_room(None)?;
        }
        if let Some(of) = of {
            *inside.of.entry(of).or_default() += 1;
        }
        let (number, leaves) = (inside.next, Arc::new(Notify::new()));
        inside.next += 1;
        let sitting = Sitting { of, standing: standing.clone(), leaves: Arc::clone(&leaves) };
        inside.all.insert(number, sitting);
        Some(Seat { crowd: self.clone(), number, leaves })
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// The first that nobody knows leaves, of this address or of any.
    fn make_room(&mut self, of: Option<IpAddr>) -> Option<()> {
        let leaves = self.all.iter().find(|(_, sitting)| {
            !sitting.standing.is_proven() && (of.is_none() || sitting.of == of)
        });
        let number = *leaves?.0;
        self.leave(number)?.leaves.notify_one();
        Some(())
    }

    fn leave(&mut self, number: u64) -> Option<Sitting> {
        let sitting = self.all.remove(&number)?;
        if let Some(of) = sitting.of {
            let left = self.of.get(&of).map_or(0, |theirs| theirs.saturating_sub(1));
            if left == 0 {
                self.of.remove(&of);
            } else {
                self.of.insert(of, left);
            }
        }
        Some(sitting)
    }
}

impl Seat {
    /// Waits until somebody else has it.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn is_given_to_another(&self) {
        self.leaves.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _ = self.crowd.lock().leave(self.number);
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
        let known = Standing::default();
        known.prove();
        let enters = |ip: &str| crowd.enter(Some(ip.parse().unwrap()), &known);
        let (first, _second) = (enters("192.0.2.1").unwrap(), enters("::ffff:192.0.2.1").unwrap());
        assert!(enters("192.0.2.1").is_none());
        let _other = enters("2001:db8::1").unwrap();
        let _neighbour = enters("2001:db8::2").unwrap();
        assert!(enters("2001:db8:0:1::1").is_none(), "all are taken");
        drop(first);
        assert!(enters("2001:db8::3").is_none(), "a neighbour is the same");
        assert!(enters("192.0.2.1").is_some());
        assert_eq!(crowd.count(), 3);
        assert!(crowd.enter(None, &known).is_some(), "a socket in the file system has no share");
    }

    #[tokio::test]
    async fn whoever_is_known_stays_and_the_first_of_the_others_gives_way() {
        let crowd = Crowd::new(4, 3);
        let enters =
            |ip: &str, standing: &Standing| crowd.enter(Some(ip.parse().unwrap()), standing);
        let standing: [Standing; 4] = std::array::from_fn(|_| Standing::default());
        let [first, second, third, known] = &standing;
        let seats = [first, second, third].map(|it| enters("192.0.2.1", it).unwrap());
        first.prove();
        let fourth = enters("192.0.2.1", known).expect("one of the same address gives way");
        seats[1].is_given_to_another().await;
        assert_eq!(crowd.count(), 3);
        known.prove();
        third.prove();
        assert!(enters("192.0.2.1", &Standing::default()).is_none(), "all of its share are known");
        let stranger = enters("192.0.2.2", &Standing::default()).unwrap();
        let other = enters("192.0.2.3", &Standing::default()).expect("the stranger gives way");
        stranger.is_given_to_another().await;
        drop(stranger);
        assert_eq!(crowd.count(), 4, "whoever gave way is not counted twice");
        drop((seats, fourth, other));
        assert_eq!(crowd.count(), 0);
    }
}
