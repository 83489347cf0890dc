//! The assets of a network, and what connectors make of one in another.

use super::config::{ConfigError, LinkConfig};
use super::curve::Curve;
use super::hop_config::{CurveConfig, HopConfig};
use crate::rate::Rate;

/// Conversions by the assets that packets come and leave in.
pub(super) type Curves = Vec<Vec<Option<Curve>>>;

/// The asset of each link, and all assets.
pub(super) fn assets(links: &[LinkConfig]) -> (Vec<usize>, Vec<(String, u8)>) {
    let mut assets: Vec<(String, u8)> = Vec::new();
    let mut asset_of = Vec::new();
    for link in links {
        let asset = (link.asset.clone(), link.scale);
        let known = assets.iter().position(|known| *known == asset);
        asset_of.push(known.unwrap_or(assets.len()));
        if known.is_none() {
            assets.push(asset);
        }
    }
    (asset_of, assets)
}

/// A connector's conversions. There must be one between all of the assets
/// that its links are kept in, `joined`.
pub(super) fn curves_of(
    hop: &HopConfig,
    assets: &[(String, u8)],
    joined: &[usize],
) -> Result<Curves, ConfigError> {
    let curves = curves(hop, assets)?;
    for &from in joined {
        for &to in joined {
            if curves[from][to].is_none() {
                return Err(rate_error(hop, &assets[from].0, &assets[to].0, "there is none".to_owned()));
            }
        }
    }
    Ok(curves)
}

/// A connector's conversions from every asset to every other, as far as it has rates.
fn curves(hop: &HopConfig, assets: &[(String, u8)]) -> Result<Curves, ConfigError> {
    let mut curves = Vec::new();
    for (from, from_scale) in assets {
        let mut row = Vec::new();
        for (to, to_scale) in assets {
            let scales = [*from_scale, *to_scale];
            let is = |rate: &&CurveConfig, a: &str, b: &str| rate.from == a && rate.to == b;
            let same = (from == to).then_some((Rate::ONE, &[][..], false));
            let direct = hop.rates.iter().find(|rate| is(rate, from, to));
            let direct = direct.map(|rate| (rate.rate, &rate.curve[..], false));
            let inverse = hop.rates.iter().find(|rate| is(rate, to, from));
            let inverse = inverse.map(|rate| (rate.rate, &rate.curve[..], true));
            let curve = direct
                .or(same)
                .or(inverse)
                .map(|(rate, points, inverse)| Curve::new(rate, scales, hop.spread_ppm, points, inverse));
            let curve = curve.transpose();
            row.push(curve.map_err(|problem| rate_error(hop, from, to, problem.to_string()))?);
        }
        curves.push(row);
    }
    Ok(curves)
}

fn rate_error(hop: &HopConfig, from: &str, to: &str, problem: String) -> ConfigError {
    ConfigError::Rate { connector: hop.name.clone(), from: from.to_owned(), to: to.to_owned(), problem }
}
