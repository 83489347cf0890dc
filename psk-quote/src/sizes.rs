//! Which sizes of packets a search tries.

use std::collections::VecDeque;

use psk_codec::SourceAmount;

/// The amounts between two others that so many halvings of the range give.
pub(crate) fn halved(floor: u64, ceiling: u64, halvings: u32) -> impl Iterator<Item = u64> {
    let mut bounds = vec![floor, ceiling];
    for _ in 0..halvings {
        bounds = bounds.windows(2).flat_map(|pair| [pair[0], between(pair[0], pair[1])]).collect();
        bounds.push(ceiling);
    }
    bounds.into_iter().filter(move |&amount| floor < amount && amount < ceiling)
}

/// 1, 1,000, 1,000,000 and so on below the limit, and the limit.
pub(crate) fn ladder(limit: SourceAmount, factor: u64) -> VecDeque<SourceAmount> {
    let below = |&amount: &u64| amount < limit.units();
    std::iter::successors(Some(1_u64), |amount| amount.checked_mul(factor))
        .take_while(below)
        .chain((!limit.is_zero()).then_some(limit.units()))
        .map(SourceAmount::new)
        .collect()
}

/// The middle: of the orders of magnitude when they are far apart, of the amounts otherwise.
fn between(low: u64, high: u64) -> u64 {
    if low > 0 && high / low < 4 {
        return low + (high - low) / 2;
    }
    let product = u128::from(low.max(1)) * u128::from(high);
    u64::try_from(product.isqrt()).unwrap_or(high)
}
