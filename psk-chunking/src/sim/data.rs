//! Application data beside simulated payments: octets that both ends can tell from others.

use bytes::Bytes;

/// The stream of one payment in one direction: what it is, and how much of it has been told.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    salt: u64,
    length: u64,
    told: u64,
    complete: bool,
}

/// Which way a stream goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// With the money.
    There,
    /// Against it.
    Back,
}

impl Stream {
    /// That of the payment with this place in its scenario.
    pub(super) fn new(payment: usize, way: Way, length: u64) -> Self {
        let payment = u64::try_from(payment).unwrap_or(u64::MAX);
        let salt = payment.wrapping_mul(2).wrapping_add(u64::from(matches!(way, Way::Back)));
        Self { salt, length, told: 0, complete: false }
    }

    /// All of it; `None` for a stream of nothing.
    pub(super) fn octets(&self) -> Option<Bytes> {
        (self.length > 0).then(|| (0..self.length).map(|offset| self.octet(offset)).collect())
    }

    /// What stands at an offset: something else for each payment, and so that pieces in another order are noticed.
    fn octet(&self, offset: u64) -> u8 {
        let mixed = (offset ^ self.salt << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.to_be_bytes()[0]
    }

    /// More of it has been told to whom it is for: what is wrong with that.
    pub(super) fn tell(&mut self, offset: u64, octets: &[u8]) -> Option<&'static str> {
        if self.complete {
            return Some("data after its end");
        }
        if offset != self.told {
            return Some("data out of order");
        }
        let right = (offset..).zip(octets).all(|(offset, octet)| *octet == self.octet(offset));
        self.told = self.told.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
        match right && self.told <= self.length {
            true => None,
            false => Some("data that was not written"),
        }
    }

    /// That was all, somebody says: what is wrong with that.
    pub(super) fn end(&mut self) -> Option<&'static str> {
        self.complete = true;
        (self.told != self.length).then_some("an end of data before its end")
    }

    /// What comes next begins here.
    pub(super) fn told(&self) -> u64 {
        self.told
    }

    /// Whether all of it has been told, or there is nothing to tell.
    pub(super) fn is_complete(&self) -> bool {
        self.complete || self.length == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_from_each_other_and_pieces_in_order() {
        let stream = |payment, way| Stream::new(payment, way, 300);
        let octets = stream(1, Way::There).octets().expect("not empty");
        assert_eq!(octets.len(), 300);
        let mut told = stream(1, Way::There);
        assert_eq!((told.tell(0, &octets[..100]), told.tell(100, &octets[100..])), (None, None));
        assert!(!told.is_complete());
        assert_eq!((told.end(), told.is_complete()), (None, true));
        assert!(told.tell(300, b"").is_some(), "after the end");

        for other in [stream(1, Way::Back), stream(0, Way::There), stream(2, Way::There)] {
            assert!(other.clone().tell(0, &octets).is_some(), "{other:?}");
        }
        let fresh = || stream(1, Way::There);
        assert!(fresh().tell(100, &octets[100..]).is_some(), "a gap");
        assert!(fresh().tell(0, &octets[100..]).is_some(), "another place");
        assert!(fresh().end().is_some(), "too early");
        assert!(Stream::new(1, Way::There, 299).tell(0, &octets).is_some(), "too long");
        assert!(Stream::new(0, Way::There, 0).is_complete());
    }
}
