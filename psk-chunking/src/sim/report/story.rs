//! Where the time of a payment went, and where its money is, in sentences.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::outcome::{PaymentOutcome, Rejects};
use super::super::scenario::PaymentConfig;
use super::super::timeline::{Extent, Figure, Moments, Timeline};
use super::captions::counted;
use super::number::{about, several, whole};
use super::plot::{Kind, Mark};
use crate::send::SendError;

/// A pause is told of when it takes so much of the payment's time: a tenth.
const LONG_PAUSE: u32 = 10;

/// What is known of a payment's course.
pub(super) struct Story<'a> {
    pub(super) config: &'a PaymentConfig,
    pub(super) outcome: &'a PaymentOutcome,
    pub(super) moments: Moments,
    /// What was delivered when, as the sender knows.
    pub(super) delivered: Vec<(Duration, Extent)>,
    doubt: Vec<(Duration, Extent)>,
    flight: Vec<(Duration, Extent)>,
    rejects: BTreeMap<String, Vec<(Duration, u64)>>,
}

impl<'a> Story<'a> {
    pub(super) fn of(
        config: &'a PaymentConfig,
        outcome: &'a PaymentOutcome,
        timeline: &Timeline,
        place: usize,
    ) -> Self {
        let delivered = timeline.figure(place, Figure::Delivered);
        let (doubt, flight) =
            (timeline.figure(place, Figure::InDoubt), timeline.figure(place, Figure::InFlight));
        let (moments, rejects) = (timeline.moments(place), timeline.rejects(place));
        Self { config, outcome, moments, delivered, doubt, flight, rejects }
    }

    fn starts(&self) -> Duration {
        self.outcome.starts_at
    }

    fn ends(&self) -> Duration {
        self.moments.ended.unwrap_or_else(|| self.starts().saturating_add(self.outcome.took))
    }

    /// When the sender stopped because its time was over.
    fn gave_up(&self) -> Option<Duration> {
        let error = self.outcome.report.as_ref()?.error.as_ref()?;
        let limit = Duration::from_millis(self.config.timeout_ms?);
        (*error == SendError::TotalTimeout).then(|| self.starts().saturating_add(limit))
    }

    /// While only probes were sent, and when it was given up.
    pub(super) fn marks(&self) -> Vec<Mark> {
        let first = self.moments.first_chunk.unwrap_or_else(|| self.ends());
        let probing = Mark {
            from: self.starts(),
            until: Some(first),
            kind: Kind::Probing,
            name: format!("probes only, until {}", about(first)),
        };
        let gave_up = self.gave_up().map(|at| Mark {
            from: at,
            until: None,
            kind: Kind::GaveUp,
            name: format!("gave up at {}", about(at)),
        });
        // A quote may have seen to it that there is nothing to probe.
        let probing = (first > self.starts()).then_some(probing);
        probing.into_iter().chain(gave_up).collect()
    }

    /// Where the time went.
    pub(super) fn time(&self) -> String {
        let Moments { first_chunk, last_chunk, last_answer, by_word, .. } = self.moments;
        let (Some(first), Some(last)) = (first_chunk, last_chunk) else {
            return format!("No chunk was ever sent. It ended after {}.", about(self.outcome.took));
        };
        let probing = first.saturating_sub(self.starts());
        let mut text = match probing.is_zero() {
            true => "The first chunk was sent at once".to_owned(),
            false => format!("The first chunk was sent after {}, which probes took", about(probing)),
        };
        let probes = self.outcome.report.as_ref().map_or(0, |report| report.probes);
        text.push_str(&format!(
            " ({} in all; a round trip is {}). The last chunk was sent at {}",
            several(probes.into(), "probe"),
            about(self.outcome.round_trip),
            about(last)
        ));
        text.push_str(&match last_answer {
            Some(answer) => format!(", and the last answer to one came at {}.", about(answer)),
            None => ", and no answer to any came.".to_owned(),
        });
        if by_word > 0 {
            text.push_str(&format!(
                " To {} no answer came: the receiver was asked, and said that it has what they brought.",
                several(by_word.into(), "chunk")
            ));
        }
        text.push_str(&self.pause());
        let waiting = self.ends().saturating_sub(last);
        let refund = if self.outcome.paid_back > 0 { " and for the refund" } else { "" };
        text.push_str(&format!(
            " So of {} in all, {} went into finding the path, {} into sending, and {} into waiting for what was still \
             open{refund}.",
            about(self.outcome.took),
            about(probing),
            about(last.saturating_sub(first)),
            about(waiting)
        ));
        text
    }

    /// The longest time between two chunks that were delivered, if it is long.
    fn pause(&self) -> String {
        let mut since = (self.starts(), 0);
        let mut longest = (Duration::ZERO, Duration::ZERO);
        let until = self.moments.last_chunk.unwrap_or_default();
        for (at, extent) in self.delivered.iter().filter(|(at, _)| *at <= until) {
            if extent.last > since.1 {
                if since.1 > 0 && at.saturating_sub(since.0) > longest.1.saturating_sub(longest.0) {
                    longest = (since.0, *at);
                }
                since = (*at, extent.last);
            }
        }
        let (from, until) = longest;
        match until.saturating_sub(from) > self.outcome.took / LONG_PAUSE {
            true => format!(
                " From {} to {} nothing was delivered{}.",
                about(from),
                about(until),
                self.meanwhile(from, until)
            ),
            false => String::new(),
        }
    }

    /// What is known of a while in which nothing was delivered.
    fn meanwhile(&self, from: Duration, until: Duration) -> String {
        let mut known = Vec::new();
        let pauses = self.config.pauses.iter().map(|pause| {
            let at = Duration::from_millis(pause.at_ms);
            (at, at.saturating_add(Duration::from_millis(pause.for_ms)))
        });
        if pauses.into_iter().any(|(begins, ends)| begins < until && ends > from) {
            known.push("the sender paused it".to_owned());
        }
        let within = |at: &Duration| *at > from && *at <= until;
        let count = |counts: &[(Duration, u64)]| {
            counts.iter().filter(|(at, _)| within(at)).map(|(_, count)| count).sum::<u64>()
        };
        let rejects = self.rejects.iter().map(|(code, counts)| (code.clone(), count(counts)));
        let rejects: Rejects = rejects.filter(|(_, count)| *count > 0).collect();
        if !rejects.is_empty() {
            known.push(format!("packets were rejected ({})", counted(&rejects)));
        }
        let most = |points: &[(Duration, Extent)]| {
            points.iter().filter(|(at, _)| within(at)).map(|(_, extent)| extent.most).max().unwrap_or(0)
        };
        match (most(&self.doubt), most(&self.flight)) {
            (0, 0) => known.push("nothing was in flight".to_owned()),
            (0, _) => {}
            (doubt, _) => {
                known.push(format!("up to {} source units were in doubt, without an answer", whole(doubt)))
            }
        }
        if known.is_empty() { String::new() } else { format!(": {}", known.join("; ")) }
    }

    /// Where the money of a payment is that did not complete.
    pub(super) fn money(&self) -> Option<String> {
        let error = match &self.outcome.report {
            None => return Some("It did not end.".to_owned()),
            Some(report) => report.error.as_ref()?,
        };
        let account = &self.outcome.report.as_ref()?.account;
        let received = self.outcome.received;
        let mut text = format!("Payment failed: {error}. The receiver has got {} of it", whole(received));
        match self.outcome.paid_back {
            0 if received == 0 => text.push('.'),
            0 => text.push_str(" and keeps that."),
            back => text.push_str(&format!(
                " and paid {} back, so {} is left with it.",
                whole(back),
                whole(self.outcome.left_with_receiver())
            )),
        }
        text.push_str(&format!(
            " The sender has sent {} source units, of which {} came back",
            whole(account.source_sent.units().into()),
            whole(account.refunded.units().into())
        ));
        match account.in_doubt.is_zero() {
            true => text.push('.'),
            false => text.push_str(&format!(
                "; of {} more it does not know whether they arrived.",
                whole(account.in_doubt.units().into())
            )),
        }
        Some(text)
    }
}
