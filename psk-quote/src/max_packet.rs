//! The path's maximum packet amount alone.

use std::time::Duration;

use psk_codec::SourceAmount;

use crate::probe::ProbeResult;
use crate::quote_search::QuoteStep;
use crate::search::{PathSearch, Precision, SearchError, SearchStep};

/// How large a packet may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPacket {
    /// The largest packet that passes, in source units; `None` when every packet up to
    /// [`largest_passing`](Self::largest_passing) does.
    pub max_packet_amount: Option<SourceAmount>,
    /// Whether that is certain to the unit: some hop refuses one unit more for its size (F08), or there is nothing
    /// larger to be probed. It is not where a hop lacked the liquidity for more (T04) or failed without saying why,
    /// as some do when amounts near 2^64 overflow: that may change at any time.
    pub exact: bool,
    /// The largest packet that passed.
    pub largest_passing: SourceAmount,
    /// How many probes were sent.
    pub probes: u32,
}

/// Finds the [`MaxPacket`] of a path, to the unit.
///
/// Driven like [`PathSearch`]. F08 details are used where they are honest; where they are not, it is the largest
/// packet that passes and the smallest that does not that are brought together. Each of several hops may lower the
/// maximum.
#[derive(Clone, Debug)]
pub struct MaxPacketSearch(PathSearch);

impl MaxPacketSearch {
    /// Will probe packets of up to `limit` (source units); with [`SourceAmount::MAX`] a maximum is found wherever it
    /// is.
    pub fn new(limit: SourceAmount) -> Self {
        Self(PathSearch::new(limit, Precision::Exact))
    }

    /// What to do next.
    pub fn poll(&mut self, now: Duration) -> QuoteStep<MaxPacket> {
        match self.0.poll(now) {
            SearchStep::Probe(amount) => QuoteStep::Probe(amount),
            SearchStep::AwaitResults => QuoteStep::AwaitResults,
            SearchStep::WaitUntil(time) => QuoteStep::WaitUntil(time),
            SearchStep::Done(result) => QuoteStep::Done(
                result.and_then(|()| self.found().ok_or(SearchError::NothingPasses)).map_err(Into::into),
            ),
        }
    }

    /// Takes the result of a probe of `amount`.
    pub fn handle_result(&mut self, amount: SourceAmount, result: ProbeResult, now: Duration) {
        self.0.handle_result(amount, result, now);
    }

    /// As [`PathSearch::patience`].
    pub fn patience(&self) -> Duration {
        self.0.patience()
    }

    fn found(&self) -> Option<MaxPacket> {
        let view = self.0.view()?;
        Some(MaxPacket {
            max_packet_amount: view.refused.map(|_| view.passes),
            exact: match view.refused {
                Some(_) => self.0.is_exact(),
                None => view.passes >= self.0.limit(),
            },
            largest_passing: view.passes,
            probes: self.0.probes(),
        })
    }
}
