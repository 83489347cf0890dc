use ctutils::CtEq;
use psk_codec::{Condition, Fulfillment};

use crate::hash::sha256;
use crate::random::Random;

/// SHA-256 of the fulfillment (RFC 27, "Conditions and Fulfillments").
pub fn condition_of(fulfillment: &Fulfillment) -> Condition {
    Condition::new(sha256(fulfillment.octets()))
}

/// Whether the fulfillment is the preimage of the condition, compared in constant time.
pub fn fulfills(fulfillment: &Fulfillment, condition: &Condition) -> bool {
    condition_of(fulfillment).octets().ct_eq(condition.octets()).into()
}

/// Whether two fulfillments are the same, compared in constant time.
///
/// A sender that has kept the fulfillment it derived checks the receiver's with this, without hashing again.
pub fn same_fulfillment(left: &Fulfillment, right: &Fulfillment) -> bool {
    left.octets().ct_eq(right.octets()).into()
}

/// A condition whose fulfillment nobody knows: the packet asks and cannot be paid (RFC 25, "Unfulfillable
/// Packets").
pub fn unfulfillable_condition(random: &mut dyn Random) -> Condition {
    let mut octets = [0; 32];
    random.fill_secure(&mut octets);
    Condition::new(octets)
}
