use bytes::Bytes;
use psk_codec::btp::{self, KindView};

use super::fields::error_time;
use super::{refused, shared};

/// Reads a BTP packet into owned fields and as a view.
pub(crate) fn btp(octets: &Bytes) {
    let (packet, view) = match (btp::Packet::decode(octets.clone()), btp::PacketView::new(&octets[..])) {
        (Ok(packet), Ok(view)) => (packet, view),
        (Err(error), Err(of_view)) => {
            assert_eq!(error, of_view);
            return refused(Err::<btp::Packet, _>(error), octets);
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(&packet.encode().unwrap(), octets);
    assert_eq!(view.octets(), octets);
    assert!(!format!("{view:?} {packet:?}").is_empty());
    assert_eq!(view.request_id(), packet.request_id);
    assert_eq!(view.packet_type(), packet.kind.packet_type());
    assert_eq!(view.ilp(), packet.ilp().map(|ilp| &ilp[..]));
    match (view.kind(), &packet.kind) {
        (KindView::Error(error), btp::Kind::Error(details)) => {
            assert_eq!((error.code, error.name), (details.code, details.name.as_str()));
            assert_eq!(error.triggered_at, details.triggered_at.as_octets());
            assert_eq!(error.data, details.data);
            error_time(details.triggered_at.as_octets());
            shared(&details.data, octets);
        }
        (KindView::Transfer { amount }, kind) => assert_eq!(*kind, btp::Kind::Transfer { amount }),
        (KindView::Unknown(contents), btp::Kind::Unknown(unknown)) => {
            assert_eq!(contents, unknown.contents());
            shared(unknown.contents(), octets);
        }
        (KindView::Message, btp::Kind::Message) | (KindView::Response, btp::Kind::Response) => {}
        other => panic!("{other:?}"),
    }
    let views = view.sub_protocols().map(|view| (view.name, view.content_type, view.data));
    let owned = packet.protocol_data.iter();
    assert!(views.eq(owned.map(|owned| (owned.name.as_str(), owned.content_type, &owned.data[..]))));
    for sub_protocol in &packet.protocol_data {
        shared(&sub_protocol.data, octets);
        let name = sub_protocol.name.as_str();
        let first = packet.sub_protocol(name).map(|first| &first.data[..]);
        assert_eq!(view.sub_protocol(name).map(|first| first.data), first);
    }
}
