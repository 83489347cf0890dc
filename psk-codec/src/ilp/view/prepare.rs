use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, Bytes};

use crate::error::{DecodeError, EncodeError, Problem};
use crate::ilp::{
    Condition, PacketType, Prepare, check_data, open_envelope, read_data, start_envelope, tail,
};
use crate::octets::{Octets, OctetsMut};
use crate::oer;
use crate::{Address, AddressRef, Amount, Timestamp};

/// A [`Prepare`](crate::Prepare) read where it stands (RFC 27, "ILP Prepare").
///
/// Made of octets that are only read, it costs a check and no copy; made of octets that may be changed, it changes
/// the fields of fixed length in place, as a connector does, without writing the packet anew.
#[derive(Clone)]
pub struct PrepareView<B> {
    octets: B,
    layout: Layout,
}

/// Where the fields are, in octets from the start of the packet.
#[derive(Clone, Copy)]
struct Layout {
    amount: usize,
    /// The text itself, behind its length.
    destination: usize,
    destination_end: usize,
    /// The octets themselves, behind their length; they end with the packet.
    data: usize,
}

const EXPIRES_AT: usize = 8;
const CONDITION: usize = EXPIRES_AT + Timestamp::LENGTH;
/// The length of the fields before the destination, which is the same in every packet.
pub(in crate::ilp) const FIXED_LENGTH: usize = CONDITION + 32;

impl Layout {
    #[inline]
    fn read(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = open_envelope(PacketType::PREPARE, octets)?;
        let amount = reader.position();
        reader.u64("amount")?;
        let expires_at = reader.position();
        Timestamp::check(reader.array("expiresAt")?).map_err(|error| error.within(expires_at))?;
        reader.array::<32>("executionCondition")?;
        let offset = reader.position();
        let destination = reader.var_octets("destination")?;
        AddressRef::new(destination)
            .map_err(|error| DecodeError::new("destination", offset, Problem::InvalidAddress(error)))?;
        let destination_end = reader.position();
        let data = read_data(&mut reader)?.len();
        Ok(Self {
            amount,
            destination: destination_end - destination.len(),
            destination_end,
            data: octets.len() - data,
        })
    }
}

impl<B: Octets> PrepareView<B> {
    /// Checks one whole packet: every field, address and time included.
    #[inline]
    pub fn new(octets: B) -> Result<Self, DecodeError> {
        let layout = Layout::read(octets.as_ref())?;
        Ok(Self { octets, layout })
    }

    /// Units of the asset of the link it travels on.
    #[inline]
    pub fn amount(&self) -> Amount {
        Amount::new(u64::from_be_bytes(self.array(0)))
    }

    /// When the offer ends.
    #[inline]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_checked(&self.array(EXPIRES_AT))
    }

    /// What the fulfillment must hash to.
    #[inline]
    pub fn condition(&self) -> Condition {
        Condition::new(self.array(CONDITION))
    }

    /// Whom it is for.
    #[inline]
    pub fn destination(&self) -> AddressRef<'_> {
        AddressRef::from_checked(&self.octets()[self.layout.destination..self.layout.destination_end])
    }

    /// End-to-end data.
    #[inline]
    pub fn data(&self) -> &[u8] {
        &self.octets()[self.layout.data..]
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

    /// The `N` octets at an offset from the amount.
    #[inline]
    fn array<const N: usize>(&self, offset: usize) -> [u8; N] {
        let mut array = [0; N];
        let start = self.layout.amount + offset;
        array.copy_from_slice(&self.octets()[start..start + N]);
        array
    }
}

impl<B: OctetsMut> PrepareView<B> {
    /// Changes the amount, in place.
    #[inline]
    pub fn set_amount(&mut self, amount: Amount) {
        self.put(0, &amount.units().to_be_bytes());
    }

    /// Changes the expiry, in place.
    #[inline]
    pub fn set_expires_at(&mut self, expires_at: Timestamp) {
        self.put(EXPIRES_AT, &expires_at.encode());
    }

    /// Changes the condition, in place.
    #[inline]
    pub fn set_condition(&mut self, condition: &Condition) {
        self.put(CONDITION, condition.octets());
    }

    /// The data, to be written to in place. Its length stays.
    #[inline]
    pub fn data_mut(&mut self) -> &mut [u8] {
        let start = self.layout.data;
        &mut self.octets.as_mut()[start..]
    }

    #[inline]
    fn put(&mut self, offset: usize, field: &[u8]) {
        let start = self.layout.amount + offset;
        self.octets.as_mut()[start..start + field.len()].copy_from_slice(field);
    }
}

impl PrepareView<Vec<u8>> {
    /// A packet in one buffer of the exact size whose condition and `data_length` octets of data are zeros, to be
    /// written in place: nothing is copied when the data is sealed where it stands. Fails for more than
    /// [`MAX_DATA_LENGTH`](crate::MAX_DATA_LENGTH).
    pub fn with_room(
        amount: Amount,
        expires_at: Timestamp,
        destination: &Address,
        data_length: usize,
    ) -> Result<Self, EncodeError> {
        check_data(data_length)?;
        let address = destination.view().as_octets();
        let contents_length =
            FIXED_LENGTH + oer::var_octets_length(address.len()) + oer::var_octets_length(data_length);
        let mut octets = start_envelope(PacketType::PREPARE, contents_length);
        let start = octets.len();
        put_fixed(&mut octets, amount, expires_at, &Condition::new([0; 32]));
        oer::put_var_octets(&mut octets, address);
        let destination_end = octets.len();
        oer::put_length(&mut octets, data_length);
        let data = octets.len();
        octets.resize(data + data_length, 0);
        let layout =
            Layout { amount: start, destination: destination_end - address.len(), destination_end, data };
        Ok(Self { octets, layout })
    }
}

/// The fields that have the same length in every packet.
#[inline]
pub(in crate::ilp) fn put_fixed(
    buffer: &mut impl BufMut,
    amount: Amount,
    expires_at: Timestamp,
    condition: &Condition,
) {
    let mut fixed = [0; FIXED_LENGTH];
    fixed[..EXPIRES_AT].copy_from_slice(&amount.units().to_be_bytes());
    fixed[EXPIRES_AT..CONDITION].copy_from_slice(&expires_at.encode());
    fixed[CONDITION..].copy_from_slice(condition.octets());
    buffer.put_slice(&fixed);
}

impl From<PrepareView<Bytes>> for Prepare {
    /// Shares the memory of the view's octets.
    #[inline]
    fn from(view: PrepareView<Bytes>) -> Self {
        let (amount, expires_at, condition) = (view.amount(), view.expires_at(), view.condition());
        let PrepareView { octets, layout } = view;
        let destination = Address::from_checked(octets.slice(layout.destination..layout.destination_end));
        Self { amount, expires_at, condition, destination, data: tail(octets, layout.data) }
    }
}

impl<B: Octets> fmt::Debug for PrepareView<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrepareView")
            .field("amount", &self.amount())
            .field("expires_at", &self.expires_at())
            .field("condition", &self.condition())
            .field("destination", &self.destination())
            .field("data", &format_args!("{} octets", self.data().len()))
            .finish()
    }
}
