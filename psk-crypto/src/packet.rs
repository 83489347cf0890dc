use bytes::Bytes;
use psk_codec::psk::PskPacket;

use crate::envelope::{Keys, SealError, start_envelope};
use crate::random::Random;

impl Keys {
    /// Writes a PSK packet and seals it where it was written: the envelope is the only allocation.
    ///
    /// For a packet that is already in the buffer of an ILP packet, see [`seal_in_place`](Keys::seal_in_place).
    pub fn seal_packet(
        &self,
        packet: &PskPacket<impl AsRef<[u8]>>,
        random: &mut dyn Random,
    ) -> Result<Bytes, SealError> {
        let mut envelope = start_envelope(packet.encoded_length())?;
        packet.encode_into(&mut envelope).map_err(|error| SealError::TooLong(error.length))?;
        self.seal_in_place(&mut envelope, random)?;
        Ok(envelope.into())
    }
}

#[cfg(test)]
mod tests {
    use psk_codec::Amount;
    use psk_codec::psk::{MAX_REQUEST_DATA_LENGTH, RequestId, RequestKind, RequestPacket};

    use super::*;
    use crate::{SeededRandom, SharedSecret};

    fn request(data: Vec<u8>) -> PskPacket<Vec<u8>> {
        let (kind, request_id) = (RequestKind::Request, RequestId::new(7));
        PskPacket::Request(RequestPacket { kind, request_id, amount: Amount::new(5), data })
    }

    #[test]
    fn a_packet_is_sealed_as_its_octets_are() {
        let keys = Keys::derive(&SharedSecret::from_octets(&[1; 32]).unwrap());
        for length in [0, 100, MAX_REQUEST_DATA_LENGTH] {
            let packet = request(vec![7; length]);
            let sealed = keys.seal_packet(&packet, &mut SeededRandom::new(1)).unwrap();
            assert_eq!(keys.seal(&packet.encode().unwrap(), &mut SeededRandom::new(1)), Ok(sealed));
        }
        let packet = request(vec![7; MAX_REQUEST_DATA_LENGTH + 1]);
        let error = keys.seal_packet(&packet, &mut SeededRandom::new(1));
        assert_eq!(error, Err(SealError::TooLong(packet.encoded_length())));
        assert_eq!(keys.sealed_packets(), 6);
    }
}
