//! A host that sends chunks as no honest sender would.

use std::time::Duration;

use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, Sequence};
use psk_codec::{Address, Amount, Prepare, Reply, SourceAmount, Timestamp};
use psk_crypto::{Credentials, Keys, SeededRandom};
use psk_plugin::sim::{HostInput, HostOutput};

use super::outcome::{AttackOutcome, Rejects};
use super::scenario::{Attack, AttackConfig};
use crate::chunk;

/// A hostile sender. It makes packets by a plan, and what it is answered changes nothing.
#[derive(Debug)]
pub(super) struct Attacker {
    config: AttackConfig,
    keys: Keys,
    destination: Address,
    random: SeededRandom,
    sent: u32,
    last: Option<Prepare>,
    fulfilled: u64,
    rejects: Rejects,
}

impl Attacker {
    pub(super) fn new(config: AttackConfig, credentials: &Credentials, seed: u64) -> Self {
        Self {
            config,
            keys: Keys::derive(&credentials.shared_secret),
            destination: credentials.destination_account.clone(),
            random: SeededRandom::new(seed),
            sent: 0,
            last: None,
            fulfilled: 0,
            rejects: Rejects::new(),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.sent >= self.config.packets
    }

    pub(super) fn handle(&mut self, input: HostInput) {
        match input {
            HostInput::Reply { reply: Reply::Fulfill(_), .. } => self.fulfilled += 1,
            HostInput::Reply { reply: Reply::Reject(reject), .. } => {
                *self.rejects.entry(reject.code.to_string()).or_default() += 1;
            }
            _ => {}
        }
    }

    pub(super) fn outcome(&self, from: &str) -> AttackOutcome {
        let Self { sent, fulfilled, rejects, .. } = self;
        AttackOutcome { from: from.to_owned(), sent: *sent, fulfilled: *fulfilled, rejects: rejects.clone() }
    }

    pub(super) fn poll(&mut self, now: Duration, wall: Timestamp) -> HostOutput {
        let due = Duration::from_secs(self.sent.into()) / self.config.per_second.max(1);
        if self.is_done() {
            return HostOutput::Wait(Duration::MAX);
        }
        if now < due {
            return HostOutput::Wait(due);
        }
        let number = self.sent;
        self.sent += 1;
        let again = self.last.take().filter(|_| self.config.kind == Attack::Replays);
        let prepare = again.or_else(|| self.prepare(number, wall));
        let Some(prepare) = prepare else { return HostOutput::Wait(now) };
        if number.is_multiple_of(2) {
            self.last = Some(prepare.clone());
        }
        HostOutput::Send { via: None, tag: number.into(), prepare }
    }

    fn prepare(&mut self, number: u32, wall: Timestamp) -> Option<Prepare> {
        let kind = self.config.kind;
        let id = if kind == Attack::NewIds { number } else { 0 };
        let mut payment_id = [0xaa; 16];
        payment_id[..4].copy_from_slice(&id.to_be_bytes());
        let total = u64::from(number) * 17 + 1;
        let packet = ChunkPacket {
            kind: match kind {
                Attack::AfterTheLast if number == 0 => ChunkKind::LastChunk,
                _ => ChunkKind::Chunk,
            },
            payment_id: PaymentId::new(payment_id),
            sequence: Sequence::new(if kind == Attack::DuplicateSequences { number / 2 } else { number }),
            payment_amount: match kind {
                Attack::ChangingTotals => Amount::new(self.config.amount.saturating_mul(total)),
                _ => ChunkPacket::OPEN_ENDED,
            },
            chunk_amount: match kind {
                Attack::TooLittle => Amount::new(self.config.amount.saturating_add(1)),
                _ => Amount::new(1),
            },
            application_data: bytes::Bytes::new(),
        };
        let life = match kind {
            Attack::Expired => Duration::from_millis(u64::from(number % 50)),
            _ => Duration::from_secs(30),
        };
        let amount = SourceAmount::new(self.config.amount);
        let expires_at = wall.saturating_add(life);
        let sealed =
            chunk::fulfillable(packet, amount, &self.keys, &self.destination, expires_at, &mut self.random);
        sealed.ok()
    }
}
