//! What is wrong with the description of a link or a connector by itself.

use psk_codec::ErrorCode;

use super::chance::MILLION;
use super::config::{ConfigError, LATE_BY_US, LinkConfig};
use super::hop_config::{CurveConfig, HopConfig, TooLargeAnswer};

/// In microseconds.
const HUNDRED_YEARS: u64 = 100 * 365 * 24 * 3_600 * 1_000_000;

/// Shares that are shares, and times that the clock can show.
pub(super) fn check_link(link: &LinkConfig) -> Result<(), ConfigError> {
    let shares = [
        ("request_loss_ppm", link.request_loss_ppm),
        ("reply_loss_ppm", link.reply_loss_ppm),
        ("repeat_ppm", link.repeat_ppm),
        ("reorder_ppm", link.reorder_ppm),
        ("late_request_ppm", link.late_request_ppm),
        ("late_reply_ppm", link.late_reply_ppm),
    ];
    if let Some((what, _)) = shares.into_iter().find(|(_, share)| *share > MILLION) {
        return Err(ConfigError::Share { what });
    }
    let times = [
        ("latency_us", link.latency_us),
        ("jitter_us", link.jitter_us),
        ("reorder_us", link.reorder_us),
        ("late_by_us", link.late_by_us),
    ];
    match times.into_iter().find(|(_, time)| *time > HUNDRED_YEARS) {
        Some((what, _)) => Err(ConfigError::TooLong { what }),
        None => check_pairs(link),
    }
}

/// What is of no use by itself.
fn check_pairs(link: &LinkConfig) -> Result<(), ConfigError> {
    let is_late = link.late_request_ppm > 0 || link.late_reply_ppm > 0;
    match (link.reorder_ppm > 0, link.reorder_us > 0) {
        (true, false) => wrong("reorder_ppm", "reorder_us is missing, how much longer those packets travel"),
        (false, true) => {
            wrong("reorder_us", "reorder_ppm is missing, the share of packets that may be overtaken")
        }
        _ if link.late_by_us != LATE_BY_US && !is_late => {
            wrong("late_by_us", "nothing is late without late_request_ppm or late_reply_ppm")
        }
        _ => Ok(()),
    }
}

fn wrong(setting: &'static str, problem: &str) -> Result<(), ConfigError> {
    Err(ConfigError::Setting { setting, problem: problem.to_owned() })
}

/// Settings of a connector that could only be ignored, or taken for something else.
pub(super) fn check_hop(hop: &HopConfig) -> Result<(), ConfigError> {
    check_shares(hop)?;
    if hop.processing_us > HUNDRED_YEARS {
        return Err(ConfigError::TooLong { what: "processing_us" });
    }
    if hop.max_packet_amount.is_none() && hop.too_large != TooLargeAnswer::default() {
        return wrong("too_large", "no packet is, without max_packet_amount");
    }
    if hop.packet_rate.is_some_and(|limit| limit.burst == 0) {
        return wrong("burst of packet_rate", "it is at least 1");
    }
    let cycle = hop.liquidity.iter().flat_map(|liquidity| &liquidity.cycle);
    if cycle.into_iter().any(|step| step.for_ms == 0) {
        return wrong("for_ms in the cycle of liquidity", "it is not zero");
    }
    check_rates(&hop.rates)
}

/// The codes of a connector's errors, with their shares.
pub(super) fn errors_of(hop: &HopConfig) -> Result<Vec<(ErrorCode, u32)>, ConfigError> {
    let errors = hop.errors.iter().map(|fault| {
        let code: Result<[u8; 3], _> = fault.code.as_bytes().try_into();
        match code {
            Ok(code @ [b'F' | b'T' | b'R', b'0'..=b'9', b'0'..=b'9']) => {
                Ok((ErrorCode::new(code), fault.share_ppm))
            }
            _ => Err(ConfigError::Setting {
                setting: "code of errors",
                problem: format!(
                    "{:?} is no error code: those are F, T or R and two digits, as T00",
                    fault.code
                ),
            }),
        }
    });
    errors.collect()
}

fn check_shares(hop: &HopConfig) -> Result<(), ConfigError> {
    let errors = hop.errors.iter().map(|fault| ("share_ppm of errors", fault.share_ppm));
    let hostility = hop.hostility.iter().map(|hostility| ("share_ppm of hostility", hostility.share_ppm));
    if let Some((what, _)) = errors.chain(hostility).find(|(_, share)| *share > MILLION) {
        return Err(ConfigError::Share { what });
    }
    let all: u64 = hop.errors.iter().map(|fault| u64::from(fault.share_ppm)).sum();
    match all > u64::from(MILLION) {
        true => Err(ConfigError::Share { what: "the sum of the share_ppm of errors" }),
        false => Ok(()),
    }
}

/// Each pair of assets once in each direction, and times that do not fall.
fn check_rates(rates: &[CurveConfig]) -> Result<(), ConfigError> {
    for (place, rate) in rates.iter().enumerate() {
        let CurveConfig { from, to, curve, .. } = rate;
        let wrong = |setting, problem: &str| {
            let problem = format!("that from {from} to {to} {problem}");
            Err(ConfigError::Setting { setting, problem })
        };
        if rates[..place].iter().any(|other| other.from == *from && other.to == *to) {
            return wrong("rates", "is given twice");
        }
        if !curve.is_sorted_by_key(|point| point.at_ms) {
            return wrong("curve of rates", "has times that fall");
        }
        if curve.iter().any(|point| point.ppm == 0) {
            return wrong("curve of rates", "has a ppm of zero");
        }
    }
    Ok(())
}
