//! `docs/wire-format.md` says the truth: every dump on the page is what the library writes for the values that the
//! page names, and the library reads them back from it. A dump without a check fails, and a check without a dump.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use psk_codec::btp::{self, SubProtocol};
use psk_codec::crypto_condition::{CryptoCondition, CryptoFulfillment};
use psk_codec::http::{self, bearer_token, is_ilp_content_type};
use psk_codec::ildcp::{self, AccountDetails};
use psk_codec::oer::{self, Reader};
use psk_codec::psk::frame::{
    CloseReason, Closed, Frame, FrameType, Frames, FramesBuilder, PaymentState, SequenceRange,
    SequenceRanges, Status, StreamData, UnknownFrame,
};
use psk_codec::psk::{
    ChunkKind, ChunkPacket, PaymentId, PskPacket, RequestId, RequestKind, RequestPacket, Sequence,
};
use psk_codec::{
    Address, Amount, AmountTooLarge, DestinationAmount, ErrorCode, Fulfill, Packet, Prepare, Reject,
    Timestamp,
};
use psk_crypto::{Keys, Random, ReceiverSecret, SharedSecret, Token, condition_of, fulfills};

const PAGE: &str = include_str!("../../docs/wire-format.md");

/// The fenced blocks of the page that have not been checked yet, by name.
struct Page {
    blocks: BTreeMap<&'static str, &'static str>,
}

impl Page {
    fn read() -> Self {
        let mut blocks = BTreeMap::new();
        let mut parts = PAGE.split("```");
        while let Some((_, block)) = parts.next().zip(parts.next()) {
            let (header, text) = block.split_once('\n').unwrap();
            let (_, name) = header.split_once(" name=").expect("every block has a name");
            let again = blocks.insert(name.trim_matches('"'), text);
            assert_eq!(again, None, "{name} is there twice");
        }
        assert!(blocks.len() > 40, "the blocks are found");
        Self { blocks }
    }

    fn take(&mut self, name: &str) -> &'static str {
        self.blocks.remove(name).unwrap_or_else(|| panic!("the page has no block {name}"))
    }

    fn octets(&mut self, name: &str) -> Bytes {
        self.take(name).lines().flat_map(|line| line_octets(line).0).collect()
    }

    /// Compares in both directions.
    fn check<T: PartialEq + Debug>(
        &mut self,
        name: &str,
        value: &T,
        write: impl Fn(&T) -> Bytes,
        read: impl Fn(Bytes) -> T,
    ) {
        let octets = self.octets(name);
        assert_eq!(write(value), octets, "{name}");
        assert_eq!(&read(octets), value, "{name}");
    }

    fn check_ilp(&mut self, name: &str, packet: Packet) {
        self.check(name, &packet, |p| p.encode().unwrap(), |octets| Packet::decode(octets).unwrap());
    }

    fn check_btp(&mut self, name: &str, packet: btp::Packet) {
        self.check(name, &packet, |p| p.encode().unwrap(), |octets| btp::Packet::decode(octets).unwrap());
    }

    /// What is written may be followed by so much junk on the page.
    fn check_psk(&mut self, name: &str, packet: &PskPacket, junk: usize) {
        let write = |packet: &PskPacket| [&packet.encode().unwrap()[..], &vec![0; junk]].concat().into();
        self.check(name, packet, write, |octets| PskPacket::decode(octets).unwrap());
    }
}

/// The octets of a line and what it says about them, two spaces or more apart.
fn line_octets(line: &str) -> (Vec<u8>, &str) {
    let (digits, note) = line.split_once("  ").unwrap_or((line, ""));
    let octets = digits.split(' ').map(|digits| {
        assert_eq!(digits.len(), 2, "{line:?}");
        u8::from_str_radix(digits, 16).unwrap()
    });
    (octets.collect(), note.trim_start())
}

/// Random octets that are not: these, in this order.
struct Given(Vec<u8>);

impl Random for Given {
    fn fill_secure(&mut self, octets: &mut [u8]) {
        let rest = self.0.split_off(octets.len());
        octets.copy_from_slice(&std::mem::replace(&mut self.0, rest));
    }

    fn jitter(&mut self) -> u64 {
        0
    }
}

/// So many octets, each one more than the one before.
fn counting(first: u8, count: u8) -> Vec<u8> {
    (first..first + count).collect()
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// The example that the page tells.
struct Example {
    receiver: ReceiverSecret,
    shared_secret: SharedSecret,
    keys: Keys,
    time: Timestamp,
}

impl Example {
    fn new() -> Self {
        let shared_secret = SharedSecret::from_octets(&counting(0, 32)).unwrap();
        Self {
            receiver: ReceiverSecret::from_octets(&counting(0x20, 32)).unwrap(),
            keys: Keys::derive(&shared_secret),
            shared_secret,
            // 2026-11-24T19:00:00.123Z
            time: Timestamp::decode(*b"20261124190000123").unwrap(),
        }
    }

    fn seal(&self, packet: &PskPacket, first_of_nonce: u8) -> Bytes {
        let nonce = &mut Given(counting(first_of_nonce, 12));
        let sealed = self.keys.seal(&packet.encode().unwrap(), nonce).unwrap();
        let opened = Bytes::copy_from_slice(self.keys.open(&sealed).unwrap().as_ref());
        assert_eq!(&PskPacket::decode(opened).unwrap(), packet);
        sealed
    }

    fn envelope(&self) -> Bytes {
        self.seal(&request(RequestKind::Request, 990, "hello"), 0xa0)
    }

    fn prepare(&self) -> Prepare {
        let data = self.envelope();
        let of_secret = self.receiver.credentials_for(&address("test.alice"), self.shared_secret.clone());
        Prepare {
            amount: Amount::new(1_000),
            expires_at: self.time,
            condition: condition_of(&self.keys.fulfillment(&data)),
            destination: of_secret.unwrap().destination_account,
            data,
        }
    }

    fn fulfill(&self) -> Fulfill {
        Fulfill {
            fulfillment: self.keys.fulfillment(&self.envelope()),
            data: self.seal(&request(RequestKind::Response, 995, "hi"), 0xb0),
        }
    }
}

fn request(kind: RequestKind, amount: u64, data: &'static str) -> PskPacket {
    let (request_id, amount) = (RequestId::new(7), Amount::new(amount));
    PskPacket::Request(RequestPacket { kind, request_id, amount, data: data.into() })
}

fn chunk(kind: ChunkKind, sequence: u32, amounts: [u64; 2], application_data: Bytes) -> PskPacket {
    PskPacket::Chunk(ChunkPacket {
        kind,
        payment_id: PaymentId::new(counting(0xc0, 16).try_into().unwrap()),
        sequence: Sequence::new(sequence),
        payment_amount: Amount::new(amounts[0]),
        chunk_amount: Amount::new(amounts[1]),
        application_data,
    })
}

fn frames(frames: &[Frame]) -> Bytes {
    let mut builder = FramesBuilder::new(usize::MAX);
    frames.iter().for_each(|frame| builder.push(frame.clone()).unwrap());
    builder.encode()
}

fn status() -> Frame {
    let range = |first, last| SequenceRange::new(Sequence::new(first), Sequence::new(last)).unwrap();
    let status = Status {
        received: DestinationAmount::new(1_000),
        chunks: 9,
        state: PaymentState::OPEN,
        fulfilled: SequenceRanges::from_ranges([range(0, 6), range(8, 9)]).unwrap(),
    };
    assert!(status.is_exact(), "as the page says");
    Frame::Status(status)
}

fn closed() -> Frame {
    Frame::Closed(Closed::with_message(CloseReason::SILENCE, "too slow"))
}

fn first_frames() -> [Frame; 3] {
    [
        Frame::RefundAccount("test.bob.refund".parse().unwrap()),
        Frame::Data(StreamData::new(256, "hello".into()).unwrap()),
        Frame::DataEnd { length: 261 },
    ]
}

fn check_numbers_and_strings(page: &mut Page) {
    let write = |octets: &Bytes| {
        let mut buffer = Vec::new();
        oer::put_var_octets(&mut buffer, octets);
        buffer.into()
    };
    let read = |octets: Bytes| {
        let mut reader = Reader::new(&octets);
        let string = reader.var_octets("string").unwrap();
        reader.end("string").unwrap();
        octets.slice_ref(string)
    };
    page.check("oer-octets", &Bytes::from("hello"), write, read);
    page.check("oer-octets-long", &Bytes::from(vec![b'x'; 130]), write, read);
    let write = |&number: &u64| {
        let mut buffer = Vec::new();
        oer::put_var_uint(&mut buffer, number);
        buffer.into()
    };
    page.check("oer-number", &1_000, write, |octets| Reader::new(&octets).var_uint("number").unwrap());
}

fn check_credentials(page: &mut Page, example: &Example) {
    let (alice, token) = (address("test.alice"), page.octets("token"));
    assert_eq!(token, [&counting(0x40, 18)[..], b"order-7"].concat());
    let random = &mut Given(counting(0x40, 18));
    let made = example.receiver.credentials(&alice, b"order-7", random).unwrap();
    let account = Address::from_octets(page.octets("destination-account")).unwrap();
    assert_eq!(account, made.destination_account);
    let token = account.suffix_after(&alice).and_then(Token::parse).unwrap();
    assert_eq!(token.key_id(), b"order-7");
    assert_eq!(example.receiver.shared_secret(&token).expose_octets(), page.octets("shared-secret"));
    assert_eq!(made.shared_secret, example.receiver.shared_secret(&token));
    let of_secret = Address::from_octets(page.octets("account-of-a-given-secret")).unwrap();
    assert_eq!(of_secret, example.prepare().destination);
    let id = *PaymentId::new(counting(0xc0, 16).try_into().unwrap()).octets();
    assert_eq!(example.shared_secret.refund(&id).expose_octets(), page.octets("refund-secret"));
}

fn check_ilp_packets(page: &mut Page, example: &Example) {
    let (prepare, fulfill) = (example.prepare(), example.fulfill());
    assert!(fulfills(&fulfill.fulfillment, &prepare.condition));
    assert_eq!(prepare.data, page.octets("envelope"));
    assert_eq!(fulfill.fulfillment.octets()[..], page.octets("fulfillment"));
    assert_eq!(prepare.condition.octets()[..], page.octets("condition"));
    page.check_ilp("prepare", Packet::Prepare(prepare));
    page.check_ilp("fulfill", Packet::Fulfill(fulfill));
    let reject = Reject::new(ErrorCode::F99_APPLICATION_ERROR, address("test.alice"));
    page.check_ilp("reject", Packet::Reject(reject.with_message("no more today")));
    let details = AmountTooLarge { received: Amount::new(1_000), maximum: Amount::new(400) };
    let read = |octets: Bytes| AmountTooLarge::decode(&octets).unwrap();
    page.check("amount-too-large", &details, AmountTooLarge::encode, read);
    let reject = Reject::new(ErrorCode::F08_AMOUNT_TOO_LARGE, address("test.hop"));
    page.check_ilp("reject-amount-too-large", Packet::Reject(reject.with_data(details.encode())));
}

fn check_psk_packets(page: &mut Page) {
    let asked = request(RequestKind::Request, 990, "hello");
    let refused = request(RequestKind::Error, 980, "");
    // The page says that the junk makes them equally long.
    let junk = asked.encoded_length() - refused.encoded_length();
    page.check_psk("psk-request", &asked, 0);
    page.check_psk("psk-response", &request(RequestKind::Response, 995, "hi"), 0);
    page.check_psk("psk-error", &refused, junk);
    let with_frames = frames(&first_frames());
    page.check_psk("chunk", &chunk(ChunkKind::Chunk, 3, [u64::MAX, 990], with_frames), 0);
    page.check_psk("chunk-last", &chunk(ChunkKind::LastChunk, 9, [10_000, 70], Bytes::new()), 3);
    let answer = |kind, arrived, frame| chunk(kind, 3, [1_000, arrived], frames(&[frame]));
    page.check_psk("chunk-fulfillment", &answer(ChunkKind::Fulfillment, 995, status()), 0);
    page.check_psk("chunk-reject", &answer(ChunkKind::Reject, 980, closed()), 0);
}

fn check_frames(page: &mut Page) {
    let read = |octets: Bytes| Frames::read(octets).unwrap().into_iter().collect::<Vec<_>>();
    page.check("frames", &first_frames().to_vec(), |all| frames(all), read);
    let [refund_account, data, data_end] = first_frames();
    let (refunded, total) = (DestinationAmount::new(300), DestinationAmount::new(1_000));
    let unknown = UnknownFrame::new(FrameType::new(200), Bytes::from("???")).unwrap();
    let range = |first, last| SequenceRange::new(Sequence::new(first), Sequence::new(last)).unwrap();
    let outstanding = SequenceRanges::from_ranges([range(3, 3), range(5, 7)]).unwrap();
    let all = [
        ("frame-refund-account", refund_account),
        ("frame-data", data),
        ("frame-data-end", data_end),
        ("frame-status-request", Frame::StatusRequest),
        ("frame-status", status()),
        ("frame-abort", Frame::Abort),
        ("frame-closed", closed()),
        ("frame-refund-status", Frame::RefundStatus { refunded, total }),
        ("frame-data-ack", Frame::DataAck { offset: 261 }),
        ("frame-outstanding", Frame::Outstanding(outstanding)),
        ("frame-unknown", Frame::Unknown(unknown)),
    ];
    for (name, frame) in all {
        // The page shows a frame without the version octet before it.
        let write = |frame: &Frame| frames(std::slice::from_ref(frame)).slice(1..);
        let read = |octets: Bytes| read([&[1], &octets[..]].concat().into()).remove(0);
        page.check(name, &frame, write, read);
    }
}

fn check_numbers_of_frames() {
    let row = |number: u8| {
        let start = format!("| {number} |");
        let rows = PAGE.lines().filter(|line| line.starts_with(&start) || line.starts_with("| | | | "));
        let row = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
        row.into_iter().find(|cells| cells.len() == 7 && cells[4] == number.to_string()).unwrap()
    };
    // The words of the page are those of the constants.
    let words = |name: &str| name.to_lowercase().replace('_', " ");
    for number in 0..=9 {
        let reason = words(CloseReason::new(number).name().unwrap());
        assert!(row(number)[5].starts_with(&reason), "{reason}");
        match PaymentState::new(number).name() {
            Some(state) => assert!(row(number)[2].starts_with(&words(state)), "{state}"),
            None => assert_eq!(row(number)[2], ""),
        }
    }
    assert_eq!(CloseReason::new(10).name(), None);
}

fn check_btp(page: &mut Page, example: &Example) {
    let (id, prepare, fulfill) = (btp::RequestId::new(1), example.prepare(), example.fulfill());
    page.check_btp("btp-message", btp::Packet::ilp_message(id, prepare.encode().unwrap()));
    page.check_btp("btp-response", btp::Packet::ilp_response(id, fulfill.encode().unwrap()));
    let code = btp::ErrorCode::F00_NOT_ACCEPTED;
    page.check_btp("btp-error", btp::Packet::error(id, code, example.time, "wrong token"));
    let id = btp::RequestId::new(0);
    let auth = btp::Packet::auth(id, Some("bob"), "secret");
    assert_eq!(auth.protocol_data[0].name.as_str(), SubProtocol::AUTH);
    page.check_btp("btp-auth", auth);
    page.check_btp("btp-auth-response", btp::Packet::empty_response(id));
}

fn check_ildcp(page: &mut Page) {
    let expires_at = Timestamp::decode(*b"20261124190030000").unwrap();
    page.check_ilp("ildcp-request", Packet::Prepare(ildcp::request(expires_at)));
    let details =
        AccountDetails { address: address("test.connector.bob"), asset_scale: 9, asset_code: "XRP".into() };
    page.check(
        "ildcp-response",
        &details,
        |details| details.to_fulfill().unwrap().encode().unwrap(),
        |octets| AccountDetails::from_fulfill(&Fulfill::decode(octets).unwrap()).unwrap(),
    );
}

fn check_crypto_conditions(page: &mut Page, example: &Example) {
    let condition = CryptoCondition::from(example.prepare().condition);
    let fulfillment = CryptoFulfillment::from(example.fulfill().fulfillment);
    page.check("crypto-condition", &condition, CryptoCondition::encode, |octets| {
        CryptoCondition::decode(octets).unwrap()
    });
    page.check("crypto-fulfillment", &fulfillment, CryptoFulfillment::encode, |octets| {
        CryptoFulfillment::decode(octets).unwrap()
    });
    let texts: Vec<_> = page.take("crypto-condition-texts").lines().collect();
    assert_eq!(texts, [condition.to_string(), fulfillment.to_string()]);
    assert_eq!((texts[0].parse(), texts[1].parse()), (Ok(condition), Ok(fulfillment)));
}

fn check_http(page: &mut Page, example: &Example) {
    let (prepare, fulfill) = (example.prepare(), example.fulfill());
    let headers = |text: &'static str| -> BTreeMap<String, &str> {
        let headers = text.lines().skip(1).map(|line| line.split_once(": ").unwrap());
        headers.map(|(name, value)| (name.to_lowercase(), value)).collect()
    };
    let check_body = |headers: &BTreeMap<String, &str>, body: Bytes| {
        let content_type = headers[http::CONTENT_TYPE_HEADER];
        assert_eq!(content_type, http::CONTENT_TYPE);
        assert!(is_ilp_content_type(content_type));
        assert_eq!(headers["content-length"], body.len().to_string());
    };
    let request = headers(page.take("http-request"));
    check_body(&request, prepare.encode().unwrap());
    let authorization = request[http::AUTHORIZATION_HEADER];
    assert_eq!(authorization, format!("{} secret", http::BEARER));
    assert_eq!(bearer_token(authorization), Some("secret"));
    assert_eq!(request[http::PEER_NAME_HEADER], "bob");
    assert_eq!(request[http::DESTINATION_HEADER], prepare.destination.as_str());
    check_body(&headers(page.take("http-response")), fulfill.encode().unwrap());
    assert!(PAGE.contains(&format!("`{}` is accepted too", http::NPM_CONTENT_TYPE)));
}

#[test]
fn every_dump_is_what_the_library_writes_and_reads() {
    let (page, example) = (&mut Page::read(), &Example::new());
    check_numbers_and_strings(page);
    check_credentials(page, example);
    check_ilp_packets(page, example);
    check_psk_packets(page);
    check_frames(page);
    check_btp(page, example);
    check_ildcp(page);
    check_crypto_conditions(page, example);
    check_http(page, example);
    let left: Vec<_> = page.blocks.keys().collect();
    assert!(left.is_empty(), "nothing checks these: {left:?}");
}

#[test]
fn the_tables_of_states_and_reasons_have_the_words_of_the_constants() {
    check_numbers_of_frames();
}

/// Quoted text, lengths ("so many octets follow") and types ("type 12") are those of the octets beside them.
#[test]
fn notes_say_what_the_octets_are() {
    let mut checked = [0; 3];
    for (name, block) in Page::read().blocks {
        let is_hex = !name.starts_with("http-") && !name.ends_with("-texts");
        for (octets, note) in block.lines().filter(|_| is_hex).map(line_octets) {
            if let Some(text) = note.strip_prefix('"') {
                checked[0] += 1;
                assert_eq!(octets, text.strip_suffix('"').unwrap().as_bytes(), "{name}: {note}");
            }
            if let Some((before, _)) = note.split_once(" octets follow") {
                checked[1] += 1;
                let length: usize = before.rsplit(' ').next().unwrap().parse().unwrap();
                let mut determinant = Vec::new();
                oer::put_length(&mut determinant, length);
                assert!(octets.ends_with(&determinant), "{name}: {note}");
            }
            if let Some(rest) = note.strip_prefix("type ") {
                checked[2] += 1;
                let digits = rest.split([',', ':']).next().unwrap();
                assert_eq!(octets[0], digits.parse::<u8>().unwrap(), "{name}: {note}");
            }
        }
    }
    assert!(checked.iter().all(|&count| count > 25), "{checked:?}");
}
