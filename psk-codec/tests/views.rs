//! Packets read and changed where they stand are the packets that are read into owned fields and written anew.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use bytes::BytesMut;
use common::arbitrary::{
    amount, btp_packet, damaged, fulfill, ilp_packet, octets, prepare, psk_packet, reject, timestamp,
};
use common::properties;
use proptest::prelude::*;
use psk_codec::psk::PskPacket;
use psk_codec::{Condition, FulfillView, Prepare, PrepareView, RejectView};

proptest! {
    #[test]
    fn views_show_what_owned_packets_hold(
        packet in ilp_packet().prop_map(|packet| packet.encode().unwrap()),
        changed in ilp_packet().prop_map(|packet| packet.encode().unwrap()).prop_flat_map(damaged),
    ) {
        properties::ilp(&packet);
        properties::ilp(&changed);
    }

    #[test]
    fn btp_views_show_what_owned_packets_hold(
        packet in btp_packet().prop_map(|packet| packet.encode().unwrap()),
        changed in btp_packet().prop_map(|packet| packet.encode().unwrap()).prop_flat_map(damaged),
    ) {
        properties::btp(&packet);
        properties::btp(&changed);
    }

    #[test]
    fn fields_changed_in_place_are_fields_written_anew(
        packet in prepare(),
        amount in amount(),
        expires_at in timestamp(),
        condition in any::<[u8; 32]>().prop_map(Condition::new),
        octet in any::<u8>(),
    ) {
        let mut octets = BytesMut::from(&packet.encode().unwrap()[..]);
        let mut view = PrepareView::new(&mut octets[..]).unwrap();
        view.set_amount(amount);
        view.set_expires_at(expires_at);
        view.set_condition(&condition);
        view.data_mut().fill(octet);
        let data = vec![octet; packet.data.len()].into();
        let changed = Prepare { amount, expires_at, condition, data, ..packet };
        prop_assert_eq!(&changed.encode().unwrap(), &octets);
        prop_assert_eq!(Prepare::from(PrepareView::new(octets.freeze()).unwrap()), changed);
    }

    #[test]
    fn packets_with_room_are_filled_in_place(
        prepare in prepare(), fulfill in fulfill(), reject in reject(),
    ) {
        let Prepare { amount, expires_at, ref destination, ref data, .. } = prepare;
        let mut view = PrepareView::with_room(amount, expires_at, destination, data.len()).unwrap();
        prop_assert_eq!(view.condition(), Condition::new([0; 32]));
        view.data_mut().copy_from_slice(data);
        view.set_condition(&prepare.condition);
        prop_assert_eq!(view.octets().len(), prepare.encoded_length());
        prop_assert_eq!(view.octets(), prepare.encode().unwrap());
        prop_assert_eq!(view.destination(), destination.view());
        prop_assert_eq!(view.data(), data);

        let mut view = FulfillView::with_room(&fulfill.fulfillment, fulfill.data.len()).unwrap();
        view.data_mut().copy_from_slice(&fulfill.data);
        prop_assert_eq!(view.octets(), fulfill.encode().unwrap());
        prop_assert_eq!((view.fulfillment(), view.data()), (fulfill.fulfillment, &fulfill.data[..]));

        let (by, message) = (reject.triggered_by.as_ref(), &reject.message);
        let mut view = RejectView::with_room(reject.code, by, message, reject.data.len()).unwrap();
        view.data_mut().copy_from_slice(&reject.data);
        prop_assert_eq!(view.octets(), reject.encode().unwrap());
        prop_assert_eq!(view.triggered_by().map(|by| by.to_address()), reject.triggered_by);
        prop_assert_eq!((view.code(), view.message()), (reject.code, &reject.message[..]));
        prop_assert_eq!(view.data(), reject.data);
    }

    #[test]
    fn psk_packets_are_written_in_place(packet in psk_packet(), room in octets(20)) {
        let octets = packet.encode().unwrap();
        prop_assert_eq!(octets.len(), packet.encoded_length());
        let mut buffer = vec![0; octets.len() + room.len()];
        packet.encode_into(&mut &mut buffer[..]).unwrap();
        prop_assert_eq!(&buffer[..octets.len()], &octets[..]);
        let error = packet.encode_into(&mut &mut buffer[..octets.len() - 1]).unwrap_err();
        prop_assert_eq!((error.length, error.maximum), (octets.len(), octets.len() - 1));
        prop_assert_eq!(PskPacket::read(&octets).unwrap().encode().unwrap(), octets);
    }
}

#[test]
fn what_is_longer_than_a_packet_allows_is_not_given_room() {
    let error = FulfillView::with_room(&psk_codec::ildcp::FULFILLMENT, 32_768).unwrap_err();
    assert_eq!((error.field, error.length, error.maximum), ("data", 32_768, 32_767));
    let code = psk_codec::ErrorCode::F00_BAD_REQUEST;
    let error = RejectView::with_room(code, None, &[b'?'; 8_192], 0).unwrap_err();
    assert_eq!((error.field, error.length, error.maximum), ("message", 8_192, 8_191));
}
