//! The other implementations, each as its documentation says to use it.

use std::time::{Duration, SystemTime};

use interledger_packet::{Address, ErrorCode, FulfillBuilder, PrepareBuilder, RejectBuilder};
use rasn::prelude::*;

/// The fields of the packets that all implementations write and read.
pub(crate) struct Fields {
    pub(crate) amount: u64,
    pub(crate) unix_millis: u64,
    pub(crate) expires_at: [u8; 17],
    pub(crate) hash: [u8; 32],
    pub(crate) address: String,
    pub(crate) data: Vec<u8>,
}

/// `interledger-packet` of interledger-rs, whose packets own one buffer each. It still has bytes 0.4.
pub(crate) mod interledger {
    use super::*;

    pub(crate) use bytes_0_4::BytesMut;
    pub(crate) use interledger_packet::{Fulfill, Prepare, Reject};

    pub(crate) fn address(fields: &Fields) -> Address {
        fields.address.parse().expect("an address")
    }

    pub(crate) fn prepare(fields: &Fields, destination: &Address) -> BytesMut {
        let builder = PrepareBuilder {
            amount: fields.amount,
            expires_at: SystemTime::UNIX_EPOCH + Duration::from_millis(fields.unix_millis),
            execution_condition: &fields.hash,
            destination: destination.clone(),
            data: &fields.data,
        };
        builder.build().into()
    }

    pub(crate) fn fulfill(fields: &Fields) -> BytesMut {
        FulfillBuilder { fulfillment: &fields.hash, data: &fields.data }.build().into()
    }

    pub(crate) fn reject(fields: &Fields, address: &Address) -> BytesMut {
        let code = ErrorCode::F99_APPLICATION_ERROR;
        RejectBuilder { code, message: b"", triggered_by: Some(address), data: &fields.data }.build().into()
    }
}

/// The ASN.1 types of RFC 27 for `rasn`'s canonical OER. Address and time are octets that nobody looks at.
pub(crate) mod asn1 {
    use super::*;

    #[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
    pub(crate) struct Envelope {
        #[rasn(value("0..=255"))]
        pub(crate) packet_type: u8,
        pub(crate) contents: OctetString,
    }

    #[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
    pub(crate) struct Prepare {
        #[rasn(value("0..=18446744073709551615"))]
        pub(crate) amount: u64,
        pub(crate) expires_at: FixedOctetString<17>,
        pub(crate) condition: FixedOctetString<32>,
        pub(crate) destination: OctetString,
        pub(crate) data: OctetString,
    }

    #[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
    pub(crate) struct Fulfill {
        pub(crate) fulfillment: FixedOctetString<32>,
        pub(crate) data: OctetString,
    }

    #[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
    pub(crate) struct Reject {
        pub(crate) code: FixedOctetString<3>,
        pub(crate) triggered_by: OctetString,
        pub(crate) message: OctetString,
        pub(crate) data: OctetString,
    }

    pub(crate) fn write<T: Encode>(packet_type: u8, contents: &T) -> Vec<u8> {
        let contents = rasn::coer::encode(contents).expect("contents").into();
        rasn::coer::encode(&Envelope { packet_type, contents }).expect("a packet")
    }

    pub(crate) fn read<T: Decode>(octets: &[u8]) -> T {
        let envelope: Envelope = rasn::coer::decode(octets).expect("a packet");
        rasn::coer::decode(&envelope.contents).expect("contents")
    }

    pub(crate) fn prepare(fields: &Fields) -> Prepare {
        Prepare {
            amount: fields.amount,
            expires_at: fields.expires_at.into(),
            condition: fields.hash.into(),
            destination: fields.address.clone().into_bytes().into(),
            data: fields.data.clone().into(),
        }
    }

    pub(crate) fn fulfill(fields: &Fields) -> Fulfill {
        Fulfill { fulfillment: fields.hash.into(), data: fields.data.clone().into() }
    }

    pub(crate) fn reject(fields: &Fields) -> Reject {
        Reject {
            code: (*b"F99").into(),
            triggered_by: fields.address.clone().into_bytes().into(),
            message: OctetString::default(),
            data: fields.data.clone().into(),
        }
    }
}
