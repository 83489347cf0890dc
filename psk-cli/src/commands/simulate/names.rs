//! Which name somebody meant who wrote another one.

/// The name that is the fewest letters away, if it is near enough to have been meant.
pub(super) fn closest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = wrong.chars().count().div_ceil(3);
    let close = names.map(|name| (distance(wrong, name), name)).filter(|(distance, _)| *distance <= near);
    close.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many letters have to be put in, taken out or changed.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (place, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = place + 1;
        for (column, its) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *its);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_name_and_another_word_finds_none() {
        assert_eq!([distance("wan", "wan"), distance("", "wan"), distance("lan", "wan")], [0, 3, 1]);
        let names = || ["wan", "lossy-steady", "liquidity"].into_iter();
        assert_eq!(closest("liqudity", names()), Some("liquidity"));
        assert_eq!(closest("lossysteady", names()), Some("lossy-steady"));
        assert_eq!(closest("nowhere", names()), None);
    }
}
