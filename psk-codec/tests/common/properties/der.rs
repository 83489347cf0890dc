use bytes::Bytes;
use psk_codec::crypto_condition::{CryptoCondition, CryptoFulfillment, MAX_PREIMAGE_LENGTH};
use psk_codec::{Condition, Fulfillment};

use super::{refused, shared};

/// Reads crypto-conditions and crypto-fulfillments, in DER and as text.
pub(crate) fn der(octets: &Bytes) {
    condition(octets);
    fulfillment(octets);
    if let Ok(text) = str::from_utf8(octets) {
        condition_text(text);
        if let Ok(fulfillment) = text.parse::<CryptoFulfillment>() {
            assert_eq!(fulfillment.to_string(), text);
        }
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

fn condition(octets: &Bytes) {
    match CryptoCondition::decode(octets.clone()) {
        Ok(condition) => {
            assert_eq!(&condition.encode(), octets);
            assert_eq!(format!("{condition:X}"), hexadecimal(octets));
            assert_eq!(condition.to_string().parse(), Ok(condition));
            match Condition::try_from(condition) {
                Ok(of_ilp) => assert_eq!(CryptoCondition::from(of_ilp), condition),
                Err(error) => assert_eq!((error.length, condition.cost == 32), (condition.cost, false)),
            }
        }
        Err(error) => {
            // Nobody who keeps the rules writes what is refused: no fingerprint and cost give these octets.
            let fingerprint = octets.get(4..).and_then(|rest| rest.first_chunk::<32>());
            for cost in (1..=4).filter_map(|length| octets.len().checked_sub(length)) {
                let cost = octets[cost..].iter().fold(0, |cost, &digit| cost << 8 | u32::from(digit));
                let refused = fingerprint.map(|&fingerprint| CryptoCondition { fingerprint, cost });
                assert_ne!(refused.map(|condition| condition.encode()).as_ref(), Some(octets));
            }
            refused(Err::<CryptoCondition, _>(error), octets);
        }
    }
}

fn fulfillment(octets: &Bytes) {
    match CryptoFulfillment::decode(octets.clone()) {
        Ok(fulfillment) => {
            assert_eq!(&fulfillment.encode(), octets);
            assert_eq!(format!("{fulfillment:X}"), hexadecimal(octets));
            assert_eq!(fulfillment.to_string().parse().as_ref(), Ok(&fulfillment));
            assert!(fulfillment.preimage().len() <= MAX_PREIMAGE_LENGTH);
            shared(fulfillment.preimage(), octets);
            match Fulfillment::try_from(&fulfillment) {
                Ok(of_ilp) => assert_eq!(CryptoFulfillment::from(of_ilp), fulfillment),
                Err(error) => {
                    assert_eq!(error.length as usize, fulfillment.preimage().len());
                    assert_ne!(error.length, 32);
                }
            }
        }
        Err(error) => {
            // As above: two identifiers and two lengths are of 4 to 8 octets, whatever the preimage.
            for preimage in (4..=8).filter_map(|start| octets.get(start..)) {
                let refused = CryptoFulfillment::new(Bytes::copy_from_slice(preimage));
                assert_ne!(refused.map(|fulfillment| fulfillment.encode()).as_ref(), Ok(octets));
            }
            refused(Err::<CryptoFulfillment, _>(error), octets);
        }
    }
}

fn condition_text(text: &str) {
    let Ok(condition) = text.parse::<CryptoCondition>() else { return };
    let shown = condition.to_string();
    // Parameters may stand in either order.
    let (start, parameters) = shown.split_once('?').unwrap();
    let (first, second) = parameters.split_once('&').unwrap();
    assert!(text == shown || text == format!("{start}?{second}&{first}"), "{text} {shown}");
    assert_eq!(CryptoCondition::decode(condition.encode()), Ok(condition));
}
