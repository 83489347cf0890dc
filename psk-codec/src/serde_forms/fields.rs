//! Types whose fields are private, because not all of their values are allowed.

use alloc::string::String;
use alloc::vec::Vec;

use serde::de::{Deserializer, Error};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::{array, text};
use crate::btp::{self, UnknownContents};
use crate::psk::frame::{FrameType, UnknownFrame};
use crate::psk::{PaymentId, PskPacketType, UnknownPskPacket};
use crate::{Condition, ErrorCode, Fulfillment, PacketType, UnknownPacket};

/// Types made of so many octets.
macro_rules! as_array {
    ($($name:ty),*) => {
        $(impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                array::serialize(self.octets(), serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                array::deserialize(deserializer).map(Self::new)
            }
        })*
    };
}

as_array!(Condition, Fulfillment, PaymentId);

/// Codes of three octets.
macro_rules! as_code {
    ($($name:ty),*) => {
        $(impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                text::serialize(&self.octets(), serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let octets: Vec<u8> = text::deserialize(deserializer)?;
                let code = octets.try_into().map_err(|_| D::Error::custom("a code has three octets"))?;
                Ok(Self::new(code))
            }
        })*
    };
}

as_code!(ErrorCode, btp::ErrorCode);

impl Serialize for btp::Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for btp::Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl Serialize for btp::ErrorTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        text::serialize(self.as_octets(), serializer)
    }
}

impl<'de> Deserialize<'de> for btp::ErrorTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer).map(Self::from_octets)
    }
}

/// What is not known: its number and its octets.
#[derive(Deserialize, Serialize)]
#[serde(bound(
    serialize = "T: Serialize, C: AsRef<[u8]>",
    deserialize = "T: Deserialize<'de>, C: From<Vec<u8>>"
))]
struct Unknown<T, C> {
    r#type: T,
    #[serde(with = "super::octets")]
    contents: C,
}

/// Types that take any number but those that are known.
macro_rules! unknown {
    ($($name:ident$(<$data:ident>)?, $number:ty, $packet_type:ident, $contents:ident;)*) => {
        $(impl$(<$data: AsRef<[u8]>>)? Serialize for $name$(<$data>)? {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let contents: &[u8] = self.$contents().as_ref();
                Unknown { r#type: self.$packet_type(), contents }.serialize(serializer)
            }
        }

        impl<'de, $($data: From<Vec<u8>>)?> Deserialize<'de> for $name$(<$data>)? {
            fn deserialize<S: Deserializer<'de>>(deserializer: S) -> Result<Self, S::Error> {
                let Unknown { r#type, contents } = Unknown::<$number, _>::deserialize(deserializer)?;
                Self::new(r#type, contents).ok_or_else(|| S::Error::custom("the type is a known one"))
            }
        })*
    };
}

unknown! {
    UnknownPacket, PacketType, packet_type, contents;
    UnknownContents, btp::PacketType, packet_type, contents;
    UnknownPskPacket<D>, PskPacketType, packet_type, body;
    UnknownFrame<D>, FrameType, frame_type, contents;
}
