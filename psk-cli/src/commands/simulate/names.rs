//! Which name somebody meant who wrote another one.

/// The name that is the fewest letters away, if it is near enough to have been meant.
pub(super) fn closest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = wrong.chars().count().div_ceil(3);
    let close = names.map(|name| (distance(wrong, name), name)).filter(|(distance, _)| *distance <= near);
    close.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many letters have to be put in, taken out or changed, or change places with the next one.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for (place, letter) in one.iter().enumerate() {
        let before = &rows[place];
        let mut row = vec![place + 1];
        for (column, its) in other.iter().enumerate() {
            let changed = before[column] + usize::from(letter != its);
            let mut least = changed.min(before[column + 1] + 1).min(row[column] + 1);
            let swapped = place > 0 && column > 0 && one[place - 1] == *its && *letter == other[column - 1];
            if swapped {
                least = least.min(rows[place - 1][column - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
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
        assert_eq!(closest("wna", names()), Some("wan"));
        assert_eq!(closest("nowhere", names()), None);
    }
}
