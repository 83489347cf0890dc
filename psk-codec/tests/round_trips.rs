//! Whatever can be written is read back the same, and random octets are either refused or the canonical form of
//! what is read from them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use psk_codec::btp;
use psk_codec::ildcp::AccountDetails;
use psk_codec::psk::{
    ChunkKind, ChunkPacket, PaymentId, PskPacket, RequestId, RequestKind, RequestPacket, Sequence,
};
use psk_codec::{
    Address, Amount, AmountTooLarge, Condition, ErrorCode, Fulfill, Fulfillment, Packet, Prepare, Reject,
    Timestamp,
};

fn octets(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=most).prop_map(Bytes::from)
}

fn amount() -> impl Strategy<Value = Amount> {
    any::<u64>().prop_map(Amount::new)
}

fn address() -> impl Strategy<Value = Address> {
    "(g|private|example|peer|self|test[123]?|local)(\\.[A-Za-z0-9_~-]{1,40}){0,8}"
        .prop_map(|text| text.parse().unwrap())
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    // From the year 0000 to the year 9999.
    (-62_167_219_200_000i64..253_402_300_800_000)
        .prop_map(|millis| Timestamp::from_unix_millis(millis).unwrap())
}

fn prepare() -> impl Strategy<Value = Prepare> {
    (amount(), timestamp(), any::<[u8; 32]>(), address(), octets(300)).prop_map(
        |(amount, expires_at, condition, destination, data)| Prepare {
            amount,
            expires_at,
            condition: Condition::new(condition),
            destination,
            data,
        },
    )
}

fn fulfill() -> impl Strategy<Value = Fulfill> {
    (any::<[u8; 32]>(), octets(300))
        .prop_map(|(fulfillment, data)| Fulfill { fulfillment: Fulfillment::new(fulfillment), data })
}

fn reject() -> impl Strategy<Value = Reject> {
    let triggered_by = proptest::option::of(address());
    (any::<[u8; 3]>(), triggered_by, octets(200), octets(300)).prop_map(
        |(code, triggered_by, message, data)| Reject {
            code: ErrorCode::new(code),
            triggered_by,
            message,
            data,
        },
    )
}

fn ilp_packet() -> impl Strategy<Value = Packet> {
    prop_oneof![
        prepare().prop_map(Packet::Prepare),
        fulfill().prop_map(Packet::Fulfill),
        reject().prop_map(Packet::Reject),
    ]
}

fn request_packet() -> impl Strategy<Value = RequestPacket> {
    let kind =
        prop_oneof![Just(RequestKind::Request), Just(RequestKind::Response), Just(RequestKind::Error),];
    (kind, any::<u32>(), amount(), octets(300)).prop_map(|(kind, id, amount, data)| RequestPacket {
        kind,
        request_id: RequestId::new(id),
        amount,
        data,
    })
}

fn chunk_packet() -> impl Strategy<Value = ChunkPacket> {
    let kind = prop_oneof![
        Just(ChunkKind::Chunk),
        Just(ChunkKind::LastChunk),
        Just(ChunkKind::Fulfillment),
        Just(ChunkKind::Reject),
    ];
    let ids = (any::<[u8; 16]>(), any::<u32>());
    (kind, ids, amount(), amount(), octets(300)).prop_map(
        |(kind, (id, sequence), payment_amount, chunk_amount, application_data)| ChunkPacket {
            kind,
            payment_id: PaymentId::new(id),
            sequence: Sequence::new(sequence),
            payment_amount,
            chunk_amount,
            application_data,
        },
    )
}

fn psk_packet() -> impl Strategy<Value = PskPacket> {
    prop_oneof![request_packet().prop_map(PskPacket::Request), chunk_packet().prop_map(PskPacket::Chunk),]
}

fn text() -> impl Strategy<Value = btp::Text> {
    "\\PC{0,140}".prop_map(btp::Text::from)
}

fn btp_kind() -> impl Strategy<Value = btp::Kind> {
    let time = prop_oneof![
        timestamp().prop_map(btp::ErrorTime::from),
        octets(40).prop_map(btp::ErrorTime::from_octets),
    ];
    let error = (any::<[u8; 3]>(), text(), time, octets(200));
    prop_oneof![
        Just(btp::Kind::Response),
        Just(btp::Kind::Message),
        amount().prop_map(|amount| btp::Kind::Transfer { amount }),
        error.prop_map(|(code, name, triggered_at, data)| {
            btp::Kind::Error(btp::ErrorDetails { code: btp::ErrorCode::new(code), name, triggered_at, data })
        }),
    ]
}

fn sub_protocol() -> impl Strategy<Value = btp::SubProtocol> {
    (text(), any::<u8>(), octets(300)).prop_map(|(name, content_type, data)| btp::SubProtocol {
        name,
        content_type: btp::ContentType::new(content_type),
        data,
    })
}

fn btp_packet() -> impl Strategy<Value = btp::Packet> {
    // Up to 300, so that the number takes one octet and two.
    let protocol_data = prop_oneof![9 => vec(sub_protocol(), 0..5), 1 => vec(sub_protocol(), 0..300)];
    (any::<u32>(), btp_kind(), protocol_data).prop_map(|(id, kind, protocol_data)| btp::Packet {
        request_id: btp::RequestId::new(id),
        kind,
        protocol_data,
    })
}

fn account_details() -> impl Strategy<Value = AccountDetails> {
    (address(), any::<u8>(), "\\PC{0,140}").prop_map(|(address, asset_scale, asset_code)| AccountDetails {
        address,
        asset_scale,
        asset_code,
    })
}

/// A packet with one octet changed, or cut short, or longer: more of these are read than of random octets.
fn damaged(packet: Bytes) -> impl Strategy<Value = Bytes> {
    let length = packet.len();
    (0..=length, any::<u8>(), 0..3).prop_map(move |(position, octet, how)| {
        let mut octets = packet.to_vec();
        match how {
            0 => octets.truncate(position),
            1 => octets.insert(position, octet),
            _ => octets.get_mut(position).into_iter().for_each(|found| *found = octet),
        }
        octets.into()
    })
}

/// Reads octets as everything; what can be read must be written the same again.
fn canonical_or_refused(octets: &Bytes) {
    if let Ok(packet) = Packet::decode(octets.clone()) {
        assert_eq!(&packet.encode().unwrap(), octets);
    }
    if let Ok(packet) = btp::Packet::decode(octets.clone()) {
        assert_eq!(&packet.encode().unwrap(), octets);
    }
    if let Ok(details) = AccountDetails::decode(octets.clone()) {
        assert_eq!(&details.encode().unwrap(), octets);
    }
    // PSK packets end with junk, a chunk even with an extension octet that nobody reads.
    if let Ok(packet) = PskPacket::decode(octets.clone()) {
        let written = packet.encode().unwrap();
        let fields = match packet {
            PskPacket::Request(_) => &written[..],
            PskPacket::Chunk(_) => &written[..written.len() - 1],
        };
        assert!(octets.starts_with(fields));
    }
    if let Ok(details) = AmountTooLarge::decode(octets) {
        assert!(octets.starts_with(&details.encode()));
    }
}

proptest! {
    #[test]
    fn ilp_packets_come_back(packet in ilp_packet()) {
        prop_assert_eq!(Packet::decode(packet.encode().unwrap()), Ok(packet));
    }

    #[test]
    fn psk_packets_come_back_with_and_without_junk(packet in psk_packet(), junk in octets(100)) {
        let octets = packet.encode().unwrap();
        let with_junk = Bytes::from([&octets[..], &junk].concat());
        prop_assert_eq!(PskPacket::decode(octets), Ok(packet.clone()));
        prop_assert_eq!(PskPacket::decode(with_junk), Ok(packet));
    }

    #[test]
    fn btp_packets_come_back(packet in btp_packet()) {
        prop_assert_eq!(btp::Packet::decode(packet.encode().unwrap()), Ok(packet));
    }

    #[test]
    fn account_details_come_back(details in account_details()) {
        prop_assert_eq!(AccountDetails::from_fulfill(&details.to_fulfill().unwrap()), Ok(details));
    }

    #[test]
    fn timestamps_come_back(timestamp in timestamp()) {
        prop_assert_eq!(Timestamp::decode(timestamp.encode()), Ok(timestamp));
    }

    #[test]
    fn amounts_too_large_come_back(received in amount(), maximum in amount()) {
        let details = AmountTooLarge { received, maximum };
        prop_assert_eq!(AmountTooLarge::decode(&details.encode()), Ok(details));
    }

    #[test]
    fn random_octets_are_canonical_or_refused(octets in octets(600)) {
        canonical_or_refused(&octets);
    }

    #[test]
    fn damaged_packets_are_canonical_or_refused(
        octets in prop_oneof![
            ilp_packet().prop_map(|packet| packet.encode().unwrap()),
            psk_packet().prop_map(|packet| packet.encode().unwrap()),
            btp_packet().prop_map(|packet| packet.encode().unwrap()),
            account_details().prop_map(|details| details.encode().unwrap()),
        ]
        .prop_flat_map(damaged)
    ) {
        canonical_or_refused(&octets);
    }
}
