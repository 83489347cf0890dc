//! Pays the refunds that a receiver orders, over its own links.

use std::time::Duration;

use psk_codec::{Amount, DestinationAmount, Timestamp};
use psk_plugin::sim::{HostInput, HostOutput};

use super::payer::{Payer, Paying};
use crate::receive::{PaymentKey, ReceivePayments, RefundOrder};
use crate::send::{SendConfig, Target};

/// All refunds of one host.
#[derive(Debug)]
pub(super) struct Refunder {
    payer: Payer,
    /// Of which payment each one is, and whether its end has been reported.
    orders: Vec<(PaymentKey, bool)>,
}

/// Marks the packets of refunds: payments of the host itself are never so many.
const OF_REFUND: u64 = 1 << 63;

impl Refunder {
    pub(super) fn new(seed: u64) -> Self {
        Self { payer: Payer::new(seed), orders: Vec::new() }
    }

    pub(super) fn begin(&mut self, order: RefundOrder, now: Duration) {
        let amount = Amount::from(order.amount).at_source();
        let config = SendConfig::new(Target::Source(amount), order.payment_id);
        self.payer.add(Paying::new(self.orders.len(), config, order.credentials, now, Vec::new()));
        self.orders.push((order.payment, false));
    }

    /// Whether an input is the answer to a packet of a refund.
    pub(super) fn sent(input: &HostInput) -> bool {
        match input {
            HostInput::Reply { tag, .. } | HostInput::NotSent { tag } => tag & OF_REFUND != 0,
            _ => false,
        }
    }

    pub(super) fn handle(&mut self, input: HostInput, now: Duration, wall: Timestamp) {
        let input = match input {
            HostInput::Reply { tag, reply } => HostInput::Reply { tag: tag & !OF_REFUND, reply },
            HostInput::NotSent { tag } => HostInput::NotSent { tag: tag & !OF_REFUND },
            other => other,
        };
        self.payer.handle(input, now, wall);
    }

    /// What to do next, after the receiver has been told how far the refunds are.
    pub(super) fn poll(
        &mut self,
        payments: &mut ReceivePayments,
        now: Duration,
        wall: Timestamp,
    ) -> HostOutput {
        let output = match self.payer.poll(now, wall) {
            HostOutput::Send { via, tag, prepare } => HostOutput::Send { via, tag: tag | OF_REFUND, prepare },
            other => other,
        };
        for (paying, (key, reported)) in self.payer.payments().iter().zip(&mut self.orders) {
            let Some(account) = paying.machine().map(|machine| machine.account()).filter(|_| !*reported)
            else {
                continue;
            };
            payments.refund_progress(key, at_destination(account.source_sent.into()));
            if paying.ended.is_some() {
                *reported = true;
                let committed = account.committed().unwrap_or(paying.budget());
                payments.refund_ended(key, at_destination(committed.into()), now);
            }
        }
        output
    }

    /// What has left or may have left for the refund of a payment, in the units of its receiver.
    pub(super) fn committed(&self, payment: &PaymentKey) -> u128 {
        let of_payment =
            self.payer.payments().iter().zip(&self.orders).filter(|(_, (key, _))| key == payment);
        of_payment.map(|(paying, _)| committed(paying)).sum()
    }

    /// What has left or may have left for all refunds.
    pub(super) fn committed_in_all(&self) -> u128 {
        self.payer.payments().iter().map(committed).sum()
    }

    /// The payments that are or were refunded.
    pub(super) fn refunds(&self) -> impl Iterator<Item = &PaymentKey> {
        self.orders.iter().map(|(key, _)| key)
    }

    /// Whether none is under way.
    pub(super) fn is_done(&self) -> bool {
        self.orders.iter().all(|(_, reported)| *reported)
    }
}

fn committed(paying: &Paying) -> u128 {
    let account = paying.machine().map(|machine| machine.account());
    account.map_or(0, |account| account.committed().map_or(u128::MAX >> 64, |units| units.units().into()))
}

fn at_destination(amount: Amount) -> DestinationAmount {
    amount.at_destination()
}

#[cfg(test)]
mod tests {
    use psk_codec::psk::frame::{Frame, FramesBuilder};
    use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, Sequence};
    use psk_codec::{Address, Prepare, Reply};
    use psk_crypto::{Credentials, Keys, SeededRandom, condition_of, unfulfillable_condition};

    use super::super::payee::Payee;
    use super::super::scenario::ReceiverConfig;
    use super::*;

    const ID: PaymentId = PaymentId::new([9; 16]);

    fn wall() -> Timestamp {
        Timestamp::from_unix_millis(1_700_000_000_000).unwrap()
    }

    fn payee(name: &str, refunds: bool, seed: u64) -> Payee {
        Payee::new(format!("test.{name}").parse().unwrap(), None, &ReceiverConfig::default(), refunds, seed)
    }

    fn chunk(to: &Credentials, number: u32, amount: u64, frame: Frame) -> Prepare {
        let (keys, random) = (Keys::derive(&to.shared_secret), &mut SeededRandom::new(number.into()));
        let mut frames = FramesBuilder::new(1_000);
        frames.push(frame).unwrap();
        let chunk = ChunkPacket {
            kind: ChunkKind::Chunk,
            payment_id: ID,
            sequence: Sequence::new(number),
            payment_amount: ChunkPacket::OPEN_ENDED,
            chunk_amount: Amount::new(amount),
            application_data: frames.encode(),
        };
        let data = keys.seal_packet(&PskPacket::Chunk(chunk), random).unwrap();
        let condition = match amount {
            0 => unfulfillable_condition(random),
            _ => condition_of(&keys.fulfillment(&data)),
        };
        let expires_at = wall().saturating_add(Duration::from_secs(30));
        let destination = to.destination_account.clone();
        Prepare { amount: Amount::new(amount), expires_at, condition, destination, data }
    }

    fn answered(payee: &mut Payee, prepare: &Prepare) -> Reply {
        payee.answer(prepare, Duration::ZERO, wall())
    }

    #[test]
    fn a_host_that_refunds_pays_back_all_that_it_has_received_and_no_more() {
        for (refunds, comes_back) in [(true, 1_000), (false, 0)] {
            let (mut alice, mut bob) = (payee("alice", false, 1), payee("bob", refunds, 2));
            let credentials = bob.credentials().unwrap();
            let account = alice.register_refund(credentials.shared_secret.refund(ID.octets())).unwrap();
            let frame = |account: &Address| Frame::RefundAccount(account.clone().into());
            for (number, amount) in [(1, 600), (2, 400)] {
                let reply = answered(&mut bob, &chunk(&credentials, number, amount, frame(&account)));
                assert!(matches!(reply, Reply::Fulfill(_)), "{reply:?}");
            }
            answered(&mut bob, &chunk(&credentials, 3, 0, Frame::Abort));
            while let HostOutput::Send { tag, prepare, .. } = bob.poll(Duration::ZERO, wall()) {
                let reply = answered(&mut alice, &prepare);
                let input = HostInput::Reply { tag, reply };
                assert!(Refunder::sent(&input));
                bob.handle(input, Duration::ZERO, wall());
            }
            assert_eq!(alice.refunded(&account), comes_back);
            assert_eq!(bob.refunder().committed_in_all(), comes_back);
            assert!(bob.refunder().is_done());
            assert_eq!((alice.witness().problem(), bob.witness().problem()), (None, None));
        }
    }
}
