//! The memory for replays, without I/O.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use bytes::Bytes;
use common::{Pair, address, arriving, later, now, request};
use proptest::prelude::*;
use psk_codec::{Condition, ErrorCode, Fulfill, Fulfillment, Prepare, Reject, Reply, Timestamp};
use psk_request::{ReplayKey, ReplayLimits, ReplayMemory, Seen};

fn limits(max_packets: usize, max_data_octets: usize) -> ReplayLimits {
    ReplayLimits { max_packets, max_data_octets }
}

fn fulfill(data: &'static [u8]) -> Reply {
    Reply::Fulfill(Fulfill { fulfillment: Fulfillment::new([1; 32]), data: Bytes::from_static(data) })
}

/// Keys of different packets.
fn keys(count: u64) -> Vec<ReplayKey> {
    let mut pair = Pair::new();
    let (prepare, _) = pair.seal(&request());
    let key = |amount| pair.open(&arriving(prepare.clone(), amount)).unwrap().replay_key();
    (0..count).map(key).collect()
}

#[test]
fn a_replay_gets_the_first_answer_until_it_expires() {
    let key = keys(1)[0];
    let mut memory = ReplayMemory::new(limits(10, 1_000));
    assert_eq!(memory.admit(key, later(10), now(), "first"), Seen::New);
    assert_eq!(memory.admit(key, later(10), later(1), "second"), Seen::InProgress("first"));
    memory.settle(&key, &fulfill(b"answer"));
    memory.settle(&key, &fulfill(b"another answer"));
    assert_eq!(memory.admit(key, later(10), later(9), "third"), Seen::Answered(fulfill(b"answer")));
    assert_eq!(memory.admit(key, later(40), later(10), "fourth"), Seen::New);
}

#[test]
fn a_replay_that_expires_later_is_remembered_for_longer() {
    // Hops may change the expiry, so it is no part of what makes a packet the same.
    let key = keys(1)[0];
    let mut memory = ReplayMemory::new(limits(10, 1_000));
    assert_eq!(memory.admit(key, later(10), now(), ()), Seen::New);
    memory.settle(&key, &fulfill(b""));
    for second in [9, 18, 27] {
        assert_eq!(memory.admit(key, later(second + 10), later(second), ()), Seen::Answered(fulfill(b"")));
    }
    assert_eq!(memory.len(), 1);
}

#[test]
fn another_amount_condition_or_sealing_is_another_packet() {
    let mut pair = Pair::new();
    let (prepare, _) = pair.seal(&request());
    let (sealed_again, _) = pair.seal(&request());
    let key = |prepare: &Prepare| pair.open(prepare).unwrap().replay_key();
    let condition = Condition::new([1; 32]);
    let first = key(&prepare);
    assert_ne!(first, key(&arriving(prepare.clone(), 7)));
    assert_ne!(first, key(&sealed_again));
    assert_ne!(first, key(&Prepare { condition, ..prepare.clone() }));
    let expires_at = later(5);
    assert_eq!(first, key(&Prepare { expires_at, ..prepare }));
}

#[test]
fn a_full_memory_takes_nothing_new_and_forgets_nothing_early() {
    let keys = keys(3);
    let mut memory = ReplayMemory::new(limits(2, 1_000));
    assert_eq!(memory.admit(keys[0], later(10), now(), ()), Seen::New);
    assert_eq!(memory.admit(keys[1], later(20), now(), ()), Seen::New);
    assert_eq!(memory.admit(keys[2], later(30), later(9), ()), Seen::Full);
    assert_eq!(memory.admit(keys[0], later(10), later(9), ()), Seen::InProgress(()));
    assert_eq!(memory.admit(keys[2], later(30), later(10), ()), Seen::New);
    assert_eq!(memory.len(), 2);
}

#[test]
fn beyond_the_limit_for_data_answers_are_kept_without_it() {
    let keys = keys(3);
    let mut memory = ReplayMemory::new(limits(10, 5));
    for key in &keys[..2] {
        assert_eq!(memory.admit(*key, later(10), now(), ()), Seen::New);
    }
    memory.settle(&keys[0], &fulfill(b"long"));
    let reject = Reject::new(ErrorCode::F99_APPLICATION_ERROR, address()).with_data(&b"no"[..]);
    memory.settle(&keys[1], &reject.clone().into());
    let kept = memory.admit(keys[1], later(10), now(), ());
    assert_eq!(kept, Seen::Answered(reject.with_data(Bytes::new()).into()));
    // What is forgotten makes room.
    assert_eq!(memory.admit(keys[2], later(30), later(10), ()), Seen::New);
    memory.settle(&keys[2], &fulfill(b"again"));
    let kept = memory.admit(keys[2], later(30), later(11), ());
    assert_eq!(kept, Seen::Answered(fulfill(b"again")));
}

#[derive(Clone, Debug)]
enum Operation {
    Admit { key: usize, life: u64 },
    Settle { key: usize, length: usize },
    Wait { seconds: u64 },
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        (0..8_usize, 0..20_u64).prop_map(|(key, life)| Operation::Admit { key, life }),
        (0..8_usize, 0..20_usize).prop_map(|(key, length)| Operation::Settle { key, length }),
        (0..6_u64).prop_map(|seconds| Operation::Wait { seconds }),
    ];
    proptest::collection::vec(operation, 0..100)
}

/// The same in the plainest way: a list.
#[derive(Default)]
struct Model(Vec<(usize, Timestamp, Option<Reply>)>);

impl Model {
    fn admit(&mut self, key: usize, until: Timestamp, now: Timestamp) -> Seen<()> {
        self.0.retain(|(_, end, _)| *end > now);
        if let Some((_, end, answer)) = self.0.iter_mut().find(|entry| entry.0 == key) {
            *end = until.max(*end);
            return answer.clone().map_or(Seen::InProgress(()), Seen::Answered);
        }
        if self.0.len() == 4 {
            return Seen::Full;
        }
        self.0.push((key, until, None));
        Seen::New
    }

    fn settle(&mut self, key: usize, reply: Reply) {
        let kept: usize = self.0.iter().flat_map(|entry| &entry.2).map(length).sum();
        if let Some((_, _, answer @ None)) = self.0.iter_mut().find(|entry| entry.0 == key) {
            let fits = kept + length(&reply) <= 30;
            *answer = Some(if fits { reply } else { fulfill(b"") });
        }
    }
}

fn length(reply: &Reply) -> usize {
    match reply {
        Reply::Fulfill(fulfill) => fulfill.data.len(),
        Reply::Reject(reject) => reject.data.len(),
    }
}

proptest! {
    #[test]
    fn the_memory_does_what_a_plain_list_would(operations in operations()) {
        let keys = keys(8);
        let mut memory = ReplayMemory::new(limits(4, 30));
        let mut model = Model::default();
        let mut second = 0;
        for operation in operations {
            match operation {
                Operation::Admit { key, life } => prop_assert_eq!(
                    memory.admit(keys[key], later(second + life), later(second), ()),
                    model.admit(key, later(second + life), later(second))
                ),
                Operation::Settle { key, length } => {
                    let reply = fulfill(&[7; 20][..length]);
                    memory.settle(&keys[key], &reply);
                    model.settle(key, reply);
                }
                Operation::Wait { seconds } => second += seconds,
            }
            prop_assert_eq!(memory.len(), model.0.len());
        }
    }
}
