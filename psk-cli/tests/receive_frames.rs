//! `psk receive` and a sender that writes frames by hand: data in files, refunds, and a limit for what is taken.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use psk_chunking::PaymentReceiver;
use psk_chunking::receive::{PaymentOffer, ReceiveConfig, Verdict};
use psk_codec::psk::frame::{CloseReason, Frame, Frames, FramesBuilder, StreamData};
use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, Sequence};
use psk_codec::{Amount, ErrorCode, Prepare, Reply};
use psk_crypto::{Keys, ReceiverSecret, SharedSecret, SystemRandom, condition_of, unfulfillable_condition};
use psk_plugin::btp::{BtpClient, BtpUrl};
use psk_plugin::{Clock, Plugin};
use psk_request::{Endpoint, EndpointReceiver, ReceiverConfig, RejectAll};
use support::*;

/// A client with a receiver of its own, for refunds.
struct Sender {
    plugin: Arc<BtpClient>,
    to: Credentials,
    secret: SharedSecret,
    receiver: EndpointReceiver,
    sequence: u32,
}

impl Sender {
    async fn connect(url: &str, to: Credentials) -> Self {
        let plugin = Arc::new(BtpClient::connect(url.parse::<BtpUrl>().unwrap()).await.unwrap());
        let endpoint = Endpoint::attach(plugin.clone(), Clock::system()).await.unwrap();
        let takes_all = |_: PaymentOffer| async { Verdict::Accept };
        let payments = PaymentReceiver::new(ReceiveConfig::default(), takes_all, Clock::system());
        let secret = ReceiverSecret::generate(&mut SystemRandom);
        let receiver = endpoint.receiver(ReceiverConfig::new(secret).with_chunks(payments)).unwrap();
        let secret = SharedSecret::from_base64(&to.shared_secret).unwrap();
        Self { plugin, to, secret, receiver, sequence: 0 }
    }

    /// Where the refund of this payment goes.
    fn refund_account(&self, id: PaymentId) -> Frame {
        let secret = self.secret.refund(id.octets());
        let credentials = self.receiver.register_secret(secret, "refund", RejectAll).unwrap();
        Frame::RefundAccount(credentials.destination_account.into())
    }

    /// The code of a rejection, and the frames of the answer.
    async fn send(
        &mut self,
        id: PaymentId,
        amount: u64,
        frames: &[Frame],
    ) -> (Option<ErrorCode>, Vec<Frame>) {
        let keys = Keys::derive(&self.secret);
        let mut builder = FramesBuilder::new(10_000);
        frames.iter().for_each(|frame| builder.push(frame.clone()).unwrap());
        self.sequence += 1;
        let chunk = ChunkPacket {
            kind: ChunkKind::Chunk,
            payment_id: id,
            sequence: Sequence::new(self.sequence),
            payment_amount: ChunkPacket::OPEN_ENDED,
            chunk_amount: Amount::new(amount),
            application_data: builder.encode(),
        };
        let data = keys.seal_packet(&PskPacket::Chunk(chunk), &mut SystemRandom).unwrap();
        let condition = match amount {
            0 => unfulfillable_condition(&mut SystemRandom),
            _ => condition_of(&keys.fulfillment(&data)),
        };
        let prepare = Prepare {
            amount: Amount::new(amount),
            expires_at: Clock::system().now().saturating_add(Duration::from_secs(20)),
            condition,
            destination: self.to.destination_account.parse().unwrap(),
            data,
        };
        let (code, data) = match self.plugin.send(prepare).await.unwrap() {
            Reply::Fulfill(fulfill) => (None, fulfill.data),
            Reply::Reject(reject) => (Some(reject.code), reject.data),
        };
        let answer = PskPacket::decode(keys.open(&data).unwrap()).unwrap();
        let PskPacket::Chunk(answer) = answer else { panic!("no chunk") };
        (code, Frames::read(answer.application_data).unwrap().into_iter().collect())
    }
}

fn id(number: u8) -> PaymentId {
    PaymentId::new([number; 16])
}

fn name(id: PaymentId) -> String {
    base64url(id.octets())
}

fn data(offset: u64, text: &'static str) -> Frame {
    Frame::Data(StreamData::new(offset, text.into()).unwrap())
}

fn closed(frames: &[Frame]) -> Option<CloseReason> {
    frames.iter().find_map(|frame| match frame {
        Frame::Closed(closed) => Some(closed.reason()),
        _ => None,
    })
}

/// Between a connector, `psk receive` with these arguments, and a sender.
fn with_receiver<F: Future<Output = ()>>(more: &[&str], test: impl FnOnce(Sender, PskReceiver) -> F) {
    let scenario = Scenario::new();
    let connector = PskConnector::from_flags(&scenario, &[]);
    let receiver = PskReceiver::start(&scenario, &connector.url("bob", "bobs"), more);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sender = Sender::connect(&connector.url("alice", "alices"), receiver.credentials()).await;
        test(sender, receiver).await;
    });
}

fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn data_is_in_a_file_as_a_whole_or_not_at_all() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("data");
    let arguments = ["--data-dir", directory.to_str().unwrap(), "--max-data=11"];
    with_receiver(&arguments, async |mut sender, mut receiver| {
        let file = directory.join(name(id(1)));
        sender.send(id(1), 10, &[data(0, "hello ")]).await;
        sender.send(id(2), 10, &[data(0, "never")]).await;
        assert!(!file.exists());
        sender.send(id(1), 10, &[data(6, "world"), Frame::DataEnd { length: 11 }]).await;
        let told = receiver.process.event("data");
        assert_eq!((text(&told["payment_id"]), count(&told["length"])), (&*name(id(1)), 11));
        assert_eq!(text(&told["file"]), file.to_str().unwrap());
        assert_eq!(fs::read(&file).unwrap(), b"hello world");
        let (code, frames) = sender.send(id(3), 10, &[data(0, "hello world!")]).await;
        assert_eq!(code, Some(ErrorCode::F99_APPLICATION_ERROR));
        assert_eq!(closed(&frames), Some(CloseReason::DATA_TOO_LONG));
        // One that becomes too long when some of it is there.
        sender.send(id(4), 10, &[data(0, "hello ")]).await;
        sender.send(id(4), 10, &[data(6, "world!")]).await;
        assert_eq!(text(&receiver.process.event("data_cut_off")["payment_id"]), name(id(4)));
        receiver.stop();
        assert_eq!(files(&directory), [name(id(1))]);
    });
}

#[test]
fn an_aborted_payment_goes_back() {
    with_receiver(&["--on-incomplete=refund"], async |mut sender, mut receiver| {
        let account = sender.refund_account(id(1));
        sender.send(id(1), 600, &[account]).await;
        sender.send(id(1), 400, &[]).await;
        sender.send(id(1), 0, &[Frame::Abort]).await;
        assert_eq!(text(&receiver.finished(&name(id(1)))["reason"]), "aborted");
        let ended = receiver.process.event("refund_ended");
        assert_eq!((units(&ended["refunded"]), units(&ended["total"])), (1_000, 1_000));
        let (_, frames) = sender.send(id(1), 0, &[Frame::StatusRequest]).await;
        let all = psk_codec::DestinationAmount::new(1_000);
        assert!(frames.contains(&Frame::RefundStatus { refunded: all, total: all }), "{frames:?}");
        receiver.stop();
    });
}

#[test]
fn a_payment_that_is_under_way_goes_back_when_the_receiver_is_stopped() {
    with_receiver(&["--on-incomplete=refund"], async |mut sender, receiver| {
        let account = sender.refund_account(id(1));
        sender.send(id(1), 600, &[account]).await;
        let ending = receiver.stop();
        let lines = ending.stdout.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let line = lines.into_iter().find(|line| line["event"] == "refund_ended").unwrap();
        assert_eq!((units(&line["refunded"]), units(&line["total"])), (600, 600));
    });
}

#[test]
fn no_more_than_the_limit_is_taken() {
    with_receiver(&["--max-amount=1000"], async |mut sender, mut receiver| {
        assert_eq!(sender.send(id(1), 600, &[]).await.0, None);
        let (code, frames) = sender.send(id(1), 600, &[]).await;
        assert_eq!(
            (code, closed(&frames)),
            (Some(ErrorCode::F99_APPLICATION_ERROR), Some(CloseReason::REFUSED))
        );
        let ended = receiver.finished(&name(id(1)));
        assert_eq!((text(&ended["reason"]), units(&ended["received"])), ("limit_reached", 600));
        receiver.stop();
    });
}

/// A program that ends with its test, however that ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// As behind a pager, which reads no more than it shows.
#[test]
fn whoever_stops_reading_the_output_stops_no_payment() {
    let scenario = Scenario::new();
    let connector = PskConnector::from_flags(&scenario, &[]);
    let url = connector.url("bob", "bobs");
    let mut command = Command::new(env!("CARGO_BIN_EXE_psk"));
    command.args(["--json", "receive", "--verbose", "--plugin", &url]).stdout(Stdio::piped());
    let mut receiver = Killed(command.spawn().unwrap());
    let mut listening = String::new();
    let mut output = BufReader::new(receiver.0.stdout.take().unwrap());
    output.read_line(&mut listening).unwrap();
    let credentials = Credentials::of(&serde_json::from_str(&listening).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut sender = Sender::connect(&connector.url("alice", "alices"), credentials).await;
        // A line for each, and a pipe holds fewer.
        for sequence in 0..1_500 {
            assert_eq!(sender.send(id(1), 1, &[]).await.0, None, "{sequence}");
        }
    });
}
