//! How much may be probed.

use psk_codec::SourceAmount;

/// How much may be probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeBudget {
    /// Probes after which the search for the largest packet takes what it has. Default: 160, enough for 64 halvings
    /// and some lost answers.
    pub max_search_probes: u32,
    /// Probes in all, those for [`PathSearch::ask`](crate::PathSearch::ask) included; never are there more. Default: no limit.
    pub max_probes: u32,
    /// The most that all probes that wait for their answers hold together, in source units; larger packets are not
    /// probed at all. Default: [`SourceAmount::MAX`], which is no limit, not even for the sum.
    pub max_in_flight: SourceAmount,
}

impl Default for ProbeBudget {
    fn default() -> Self {
        Self { max_search_probes: 160, max_probes: u32::MAX, max_in_flight: SourceAmount::MAX }
    }
}

impl ProbeBudget {
    /// Whether probes may hold so many source units at one time.
    pub(crate) fn allows(&self, held: u128) -> bool {
        held <= u128::from(self.max_in_flight.units()) || self.max_in_flight == SourceAmount::MAX
    }
}
