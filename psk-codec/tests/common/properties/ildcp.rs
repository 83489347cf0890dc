use bytes::Bytes;
use psk_codec::ildcp::{self, AccountDetails};
use psk_codec::{Fulfill, MAX_DATA_LENGTH, Prepare};

use super::{refused, shared};

/// Reads the data of an IL-DCP answer, and the Fulfill that carries it.
pub(crate) fn ildcp(octets: &Bytes) {
    match AccountDetails::decode(octets.clone()) {
        Ok(details) => {
            shared(details.address.as_octets(), octets);
            let written = details.encode();
            if octets.len() > MAX_DATA_LENGTH {
                // No Fulfill holds so much.
                written.unwrap_err();
                return;
            }
            assert_eq!(written.as_ref(), Ok(octets));
            let fulfill = details.to_fulfill().unwrap();
            assert_eq!(AccountDetails::from_fulfill(&fulfill), Ok(details));
            assert_eq!(Fulfill::decode(fulfill.encode().unwrap()), Ok(fulfill));
        }
        Err(error) => refused(Err::<AccountDetails, _>(error), octets),
    }
    if let Ok(fulfill) = Fulfill::decode(octets.clone()) {
        match AccountDetails::from_fulfill(&fulfill) {
            Ok(details) => assert_eq!(details.to_fulfill(), Ok(fulfill)),
            Err(error) => refused(Err::<AccountDetails, _>(error), octets),
        }
    }
    if let Ok(prepare) = Prepare::decode(octets.clone()) {
        let ours = ildcp::request(prepare.expires_at);
        assert!(ildcp::is_request(&prepare) || ours != prepare);
    }
}
