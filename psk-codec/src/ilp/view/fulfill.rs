use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, Bytes};

use crate::error::{DecodeError, EncodeError};
use crate::ilp::{
    Fulfill, Fulfillment, PacketType, check_data, open_envelope, read_data, start_envelope, tail,
};
use crate::octets::{Octets, OctetsMut};
use crate::oer;

/// A [`Fulfill`](crate::Fulfill) read where it stands (RFC 27, "ILP Fulfill").
#[derive(Clone)]
pub struct FulfillView<B> {
    octets: B,
    /// Where the fulfillment starts, in octets from the start of the packet.
    fulfillment: usize,
    /// The same of the data, behind its length.
    data: usize,
}

impl<B: Octets> FulfillView<B> {
    /// Checks one whole packet.
    #[inline]
    pub fn new(octets: B) -> Result<Self, DecodeError> {
        let all = octets.as_ref();
        let mut reader = open_envelope(PacketType::FULFILL, all)?;
        let fulfillment = reader.position();
        reader.array::<32>("fulfillment")?;
        let data = all.len() - read_data(&mut reader)?.len();
        Ok(Self { octets, fulfillment, data })
    }

    /// The preimage of the Prepare's condition.
    #[inline]
    pub fn fulfillment(&self) -> Fulfillment {
        let mut fulfillment = [0; 32];
        fulfillment.copy_from_slice(&self.octets()[self.fulfillment..self.fulfillment + 32]);
        Fulfillment::new(fulfillment)
    }

    /// End-to-end data.
    #[inline]
    pub fn data(&self) -> &[u8] {
        &self.octets()[self.data..]
    }

    /// The whole packet.
    #[inline]
    pub fn octets(&self) -> &[u8] {
        self.octets.as_ref()
    }

    /// The whole packet, in what it was given in.
    pub fn into_octets(self) -> B {
        self.octets
    }
}

impl<B: OctetsMut> FulfillView<B> {
    /// The data, to be written to in place. Its length stays.
    #[inline]
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.octets.as_mut()[self.data..]
    }
}

impl FulfillView<Vec<u8>> {
    /// A packet in one buffer of the exact size whose `data_length` octets of data are zeros, to be written in
    /// place. Fails for more than [`MAX_DATA_LENGTH`](crate::MAX_DATA_LENGTH).
    pub fn with_room(fulfillment: &Fulfillment, data_length: usize) -> Result<Self, EncodeError> {
        check_data(data_length)?;
        let mut octets = start_envelope(PacketType::FULFILL, 32 + oer::var_octets_length(data_length));
        let start = octets.len();
        octets.put_slice(fulfillment.octets());
        oer::put_length(&mut octets, data_length);
        let data = octets.len();
        octets.resize(data + data_length, 0);
        Ok(Self { octets, fulfillment: start, data })
    }
}

impl From<FulfillView<Bytes>> for Fulfill {
    /// Shares the memory of the view's octets.
    #[inline]
    fn from(view: FulfillView<Bytes>) -> Self {
        Self { fulfillment: view.fulfillment(), data: tail(view.octets, view.data) }
    }
}

impl<B: Octets> fmt::Debug for FulfillView<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FulfillView")
            .field("fulfillment", &self.fulfillment())
            .field("data", &format_args!("{} octets", self.data().len()))
            .finish()
    }
}
