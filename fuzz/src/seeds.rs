//! Writes the corpus that fuzzing starts with: every octet string of the vectors that other implementations made.
//!
//! Usage: `seeds DIRECTORY`, which gets a directory for each target.

#![allow(clippy::unwrap_used, reason = "vectors that cannot be read are a mistake in this repository")]

use std::fs;
use std::path::{Path, PathBuf};

use psk_codec::psk::frame::{
    CloseReason, Closed, Frame, FrameType, FramesBuilder, PaymentState, SequenceRange, SequenceRanges,
    Status, StreamData, UnknownFrame,
};
use psk_codec::psk::{ChunkKind, ChunkPacket, MAX_APPLICATION_DATA_LENGTH, PaymentId, Sequence};
use psk_codec::{Amount, DestinationAmount};
use psk_crypto::{Keys, SharedSecret};
use serde_json::Value;

fn main() {
    let directory = std::env::args_os().nth(1).map(PathBuf::from).expect("usage: seeds DIRECTORY");
    let mut corpus = Corpus { directory, written: 0 };
    for vector in vectors("psk-codec", "ilp-packets") {
        let packet = octets(&vector, "packet");
        corpus.add("ilp", &packet);
        corpus.add("oer", &structure(&[0, 7], &packet));
        // Addresses and times are read from the first octet on, too.
        for field in ["destination", "triggeredBy", "amount"] {
            if let Some(text) = vector[field].as_str() {
                corpus.add("ilp", text.as_bytes());
            }
        }
        if let Some(time) = vector["expiresAt"].as_str() {
            corpus.add("ilp", &time.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>());
            corpus.add("ilp", &time.bytes().filter(|octet| !b"-T:".contains(octet)).collect::<Vec<_>>());
        }
    }
    for vector in vectors("psk-codec", "btp-packets") {
        let packet = octets(&vector, "packet");
        corpus.add("btp", &packet);
        corpus.add("oer", &structure(&[0, 1, 7], &packet));
    }
    for vector in vectors("psk-codec", "ildcp") {
        let fulfill = octets(&vector, "packet");
        let data = psk_codec::Fulfill::decode(fulfill.clone().into()).unwrap().data;
        corpus.add("oer", &structure(&[5, 0, 5], &data));
        corpus.add("ildcp", &data);
        corpus.add("ildcp", &fulfill);
        corpus.add("ildcp", &octets(&vector, "request"));
    }
    for name in ["psk-packets", "psk-chunks"] {
        for vector in vectors("psk-crypto", name) {
            let (secret, sealed) = (octets(&vector, "sharedSecret"), octets(&vector, "encrypted"));
            let plaintext = Keys::derive(&SharedSecret::from_octets(&secret).unwrap()).open(&sealed).unwrap();
            corpus.add("psk", &plaintext);
            corpus.add("oer", &structure(&[0, 1, 2, 5], &plaintext));
            if let Some(first) = secret.first_chunk::<32>() {
                corpus.add("envelope", &[first, &sealed[..]].concat());
                corpus.add("envelope", &[first, &plaintext[..]].concat());
            }
        }
    }
    for vector in vectors("psk-codec", "crypto-conditions") {
        for field in ["condition", "fulfillment"] {
            let der = octets(&vector, field);
            not_der(&der).iter().for_each(|octets| corpus.add("der", octets));
            corpus.add("der", &der);
            corpus.add("der", vector[format!("{field}Uri")].as_str().unwrap().as_bytes());
        }
    }
    for frames in frames() {
        let frames = frames.encode();
        corpus.add("frames", &frames[1..]);
        let chunk = ChunkPacket {
            kind: ChunkKind::Chunk,
            payment_id: PaymentId::new([1; 16]),
            sequence: Sequence::FIRST,
            payment_amount: Amount::MAX,
            chunk_amount: Amount::ZERO,
            application_data: frames,
        };
        corpus.add("psk", &chunk.encode().unwrap());
    }
    assert!(corpus.written > 0);
}

/// The same elements in BER that is no DER: what must be refused, and is hard to come by.
fn not_der(der: &[u8]) -> Vec<Vec<u8>> {
    let [choice, length @ ..0x7f, first, rest @ ..] = der else { return Vec::new() };
    let long_length = [&[*choice, 0x81, *length, *first], rest].concat();
    let long_inner_length = [&[*choice, length + 1, *first, 0x81], rest].concat();
    let long_tag = [&[0xbf, 0x00, *length, *first], rest].concat();
    let indefinite = [&[*choice, 0x80, *first], rest, &[0, 0]].concat();
    let mut all = vec![long_length, long_inner_length, long_tag, indefinite];
    if let [before @ .., 0x81, 1, cost] = der {
        let mut zero_in_front = [before, &[0x81, 2, 0, *cost]].concat();
        zero_in_front[1] += 1;
        all.push(zero_in_front);
    }
    all
}

/// Frames are ours, so there are no vectors of others: one of each type, alone and together.
fn frames() -> Vec<FramesBuilder> {
    let range = |first, last| SequenceRange::new(Sequence::new(first), Sequence::new(last)).unwrap();
    let status = Status {
        received: DestinationAmount::new(1_000),
        chunks: 9,
        state: PaymentState::OPEN,
        fulfilled: SequenceRanges::from_ranges([range(0, 6), range(8, 9)]).unwrap(),
    };
    let (refunded, total) = (DestinationAmount::new(3), DestinationAmount::new(258));
    let one_of_each = [
        Frame::RefundAccount("test.alice.refund".parse().unwrap()),
        Frame::Data(StreamData::new(256, "hello".into()).unwrap()),
        Frame::DataEnd { length: 261 },
        Frame::StatusRequest,
        Frame::Status(status),
        Frame::Abort,
        Frame::Closed(Closed::with_message(CloseReason::SILENCE, "bye")),
        Frame::RefundStatus { refunded, total },
        Frame::DataAck { offset: 261 },
        Frame::Outstanding(SequenceRanges::from_ranges([range(3, 3), range(5, 9)]).unwrap()),
        Frame::Unknown(UnknownFrame::new(FrameType::new(200), "?!".into()).unwrap()),
    ];
    let mut together = FramesBuilder::new(MAX_APPLICATION_DATA_LENGTH);
    let mut all: Vec<_> = one_of_each
        .into_iter()
        .map(|frame| {
            let mut alone = FramesBuilder::new(MAX_APPLICATION_DATA_LENGTH);
            alone.push(frame.clone()).unwrap();
            together.push(frame).unwrap();
            alone
        })
        .collect();
    all.push(together);
    all
}

/// The input of `oer`: how many octets the script has, the script, what it reads.
fn structure(script: &[u8], octets: &[u8]) -> Vec<u8> {
    [&[script.len() as u8], script, octets].concat()
}

struct Corpus {
    directory: PathBuf,
    written: usize,
}

impl Corpus {
    fn add(&mut self, target: &str, octets: &[u8]) {
        let directory = self.directory.join(target);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("vector-{:04}", self.written)), octets).unwrap();
        self.written += 1;
    }
}

fn vectors(package: &str, name: &str) -> Vec<Value> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = repository.join(package).join("tests/vectors").join(name).with_extension("json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: Value = serde_json::from_str(&text).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

/// A field of hexadecimal digits.
fn octets(vector: &Value, field: &str) -> Vec<u8> {
    let (pairs, rest) = vector[field].as_str().unwrap().as_bytes().as_chunks::<2>();
    assert!(rest.is_empty());
    let octet = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(octet).collect()
}
