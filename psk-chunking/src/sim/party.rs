//! What runs at a host.

use std::time::Duration;

use psk_codec::Timestamp;
use psk_plugin::sim::{Host, HostInput, HostOutput};

use super::attacker::Attacker;
use super::payee::Payee;
use super::payer::Payer;
use super::refunder::Refunder;

/// A host: it pays, is paid, or both, or attacks.
#[derive(Debug)]
pub(super) enum Party {
    Honest { payer: Box<Payer>, payee: Box<Payee> },
    Attacker(Box<Attacker>),
}

impl Party {
    pub(super) fn payer(&self) -> Option<&Payer> {
        match self {
            Self::Honest { payer, .. } => Some(payer),
            Self::Attacker(_) => None,
        }
    }

    pub(super) fn payee(&self) -> Option<&Payee> {
        match self {
            Self::Honest { payee, .. } => Some(payee),
            Self::Attacker(_) => None,
        }
    }

    pub(super) fn attacker(&self) -> Option<&Attacker> {
        match self {
            Self::Honest { .. } => None,
            Self::Attacker(attacker) => Some(attacker),
        }
    }

    /// Whether it has nothing more to begin.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Honest { payer, payee } => {
                payer.payments().iter().all(|paying| paying.ended.is_some()) && payee.refunder().is_done()
            }
            Self::Attacker(attacker) => attacker.is_done(),
        }
    }
}

impl Host for Party {
    fn handle(&mut self, input: HostInput, now: Duration, wall: Timestamp) {
        match self {
            Self::Honest { payer, payee } => match input {
                // What comes back to who sent it is not for the receiver there, which says so.
                HostInput::Request { .. } => {
                    payee.handle(input, now, wall);
                    payer.tell_refunded(|account| payee.refunded(account), now, wall);
                }
                input if Refunder::sent(&input) => payee.handle(input, now, wall),
                input => payer.handle(input, now, wall),
            },
            Self::Attacker(attacker) => attacker.handle(input),
        }
    }

    fn poll(&mut self, now: Duration, wall: Timestamp) -> HostOutput {
        match self {
            Self::Honest { payer, payee } => match payee.poll(now, wall) {
                HostOutput::Wait(silence) => match payer.poll(now, wall) {
                    HostOutput::Wait(until) => HostOutput::Wait(until.min(silence)),
                    output => output,
                },
                output => output,
            },
            Self::Attacker(attacker) => attacker.poll(now, wall),
        }
    }
}
