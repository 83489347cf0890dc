use bytes::Bytes;
use psk_codec::{
    Amount, Condition, DecodeError, Fulfill, FulfillView, Packet, PacketView, Prepare, PrepareView, Problem,
    Reject, RejectView, Reply, Timestamp,
};

use super::{refused, shared};

/// Reads an ILP packet into owned fields and as a view, and changes it where it stands.
pub(crate) fn ilp(octets: &Bytes) {
    let view = PacketView::new(&octets[..]);
    match (Packet::decode(octets.clone()), &view) {
        (Ok(packet), view) => {
            assert_eq!(&packet.encode().unwrap(), octets);
            match (&packet, view) {
                (Packet::Unknown(unknown), Err(error)) => {
                    let problem = Problem::UnexpectedType(unknown.packet_type().number());
                    assert_eq!(error, &DecodeError::new("ILP packet type", 0, problem));
                    shared(unknown.contents(), octets);
                }
                (packet, Ok(view)) => {
                    assert_eq!(&owned(view), packet);
                    assert_eq!(view.octets(), octets);
                    assert!(!format!("{view:?}").is_empty());
                }
                other => panic!("{other:?}"),
            }
            ilp_in_place(&packet, octets);
            ilp_with_room(&packet);
            let reply = Reply::decode(octets.clone());
            match packet {
                Packet::Fulfill(fulfill) => assert_eq!(reply, Ok(fulfill.into())),
                Packet::Reject(reject) => assert_eq!(reply, Ok(reject.into())),
                _ => refused(reply, octets),
            }
        }
        (Err(error), Err(of_view)) => {
            match octets.first() {
                // A view has nothing else to say about a type that it does not know.
                Some(&other) if !(12..=14).contains(&other) => {
                    assert_eq!(of_view.problem, Problem::UnexpectedType(other));
                }
                _ => assert_eq!(&error, of_view),
            }
            refused(Reply::decode(octets.clone()), octets);
            refused(Err::<Packet, _>(error), octets);
        }
        other => panic!("{other:?}"),
    }
}

/// Owned fields again.
fn owned(view: &PacketView<&[u8]>) -> Packet {
    match view {
        PacketView::Prepare(view) => Packet::Prepare(Prepare {
            amount: view.amount(),
            expires_at: view.expires_at(),
            condition: view.condition(),
            destination: view.destination().to_address(),
            data: Bytes::copy_from_slice(view.data()),
        }),
        PacketView::Fulfill(view) => Packet::Fulfill(Fulfill {
            fulfillment: view.fulfillment(),
            data: Bytes::copy_from_slice(view.data()),
        }),
        PacketView::Reject(view) => Packet::Reject(Reject {
            code: view.code(),
            triggered_by: view.triggered_by().map(|address| address.to_address()),
            message: Bytes::copy_from_slice(view.message()),
            data: Bytes::copy_from_slice(view.data()),
        }),
        other => panic!("{other:?}"),
    }
}

fn inverted(data: &[u8]) -> Bytes {
    data.iter().map(|octet| !octet).collect()
}

/// Fields changed in place are fields written anew. They change into others that follow from them.
fn ilp_in_place(packet: &Packet, octets: &Bytes) {
    let (changed, written) = match packet.clone() {
        Packet::Prepare(prepare) => {
            shared(prepare.destination.as_octets(), octets);
            shared(&prepare.data, octets);
            assert_eq!(prepare.encoded_length(), octets.len());
            let mut condition = *prepare.condition.octets();
            condition.reverse();
            let changed = Prepare {
                amount: Amount::new(!prepare.amount.units()),
                expires_at: any_time(prepare.amount),
                condition: Condition::new(condition),
                data: inverted(&prepare.data),
                ..prepare
            };
            let mut view = PrepareView::new(octets.to_vec()).unwrap();
            view.set_amount(changed.amount);
            view.set_expires_at(changed.expires_at);
            view.set_condition(&changed.condition);
            view.data_mut().copy_from_slice(&changed.data);
            (Packet::Prepare(changed), view.into_octets())
        }
        Packet::Fulfill(fulfill) => {
            shared(&fulfill.data, octets);
            let mut view = FulfillView::new(octets.to_vec()).unwrap();
            let changed = Fulfill { data: inverted(&fulfill.data), ..fulfill };
            view.data_mut().copy_from_slice(&changed.data);
            (Packet::Fulfill(changed), view.into_octets())
        }
        Packet::Reject(reject) => {
            shared(&reject.message, octets);
            shared(&reject.data, octets);
            let mut view = RejectView::new(octets.to_vec()).unwrap();
            let changed = Reject { data: inverted(&reject.data), ..reject };
            view.data_mut().copy_from_slice(&changed.data);
            (Packet::Reject(changed), view.into_octets())
        }
        Packet::Unknown(_) => return,
    };
    assert_eq!(changed.encode().unwrap(), written);
    assert_eq!(Packet::decode(written.into()), Ok(changed));
}

/// Spread over all the years.
fn any_time(amount: Amount) -> Timestamp {
    const ALL: u64 = 253_402_300_800_000 + 62_167_219_200_000;
    let since_first = i64::try_from(amount.units() % ALL).unwrap();
    Timestamp::from_unix_millis(since_first - 62_167_219_200_000).unwrap()
}

/// A packet made with room is the packet once the room is filled.
fn ilp_with_room(packet: &Packet) {
    let written = match packet {
        Packet::Prepare(Prepare { amount, expires_at, condition, destination, data }) => {
            let mut view = PrepareView::with_room(*amount, *expires_at, destination, data.len()).unwrap();
            view.set_condition(condition);
            view.data_mut().copy_from_slice(data);
            view.into_octets()
        }
        Packet::Fulfill(Fulfill { fulfillment, data }) => {
            let mut view = FulfillView::with_room(fulfillment, data.len()).unwrap();
            view.data_mut().copy_from_slice(data);
            view.into_octets()
        }
        Packet::Reject(Reject { code, triggered_by, message, data }) => {
            let by = triggered_by.as_ref();
            let mut view = RejectView::with_room(*code, by, message, data.len()).unwrap();
            view.data_mut().copy_from_slice(data);
            view.into_octets()
        }
        Packet::Unknown(_) => return,
    };
    assert_eq!(packet.encode().unwrap(), written);
}
