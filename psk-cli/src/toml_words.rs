//! What is wrong with a TOML file, without the names of types that only Rust knows.

/// What its reader says, in words of the file.
pub(crate) fn message_of(error: &toml::de::Error) -> String {
    let mut text = error.message().replace(" as i128", "").replace(" as u128", "");
    for (ending, words) in TYPES {
        if let Some(before) = text.strip_suffix(ending) {
            text = format!("{before}expected {words}");
            break;
        }
    }
    text
}

const TYPES: [(&str, &str); 9] = [
    ("expected u8", "a whole number from 0 to 255"),
    ("expected u32", "a whole number from 0 to 4294967295"),
    ("expected u64", "a whole number from 0 to 18446744073709551615"),
    ("expected usize", "a whole number from 0 to 18446744073709551615"),
    ("expected a nonzero u32", "a whole number from 1 to 4294967295"),
    ("expected a boolean", "true or false"),
    ("expected a string", "text in quotes"),
    ("expected a sequence", "a list"),
    ("expected a map", "a table"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        _byte: u8,
        #[serde(default)]
        _amount: u64,
        #[serde(default)]
        _list: Vec<String>,
        #[serde(default)]
        _table: BTreeMap<String, u8>,
        #[serde(default)]
        _yes: bool,
    }

    fn told(line: &str) -> String {
        message_of(&toml::from_str::<File>(line).unwrap_err())
    }

    #[test]
    fn no_type_of_rust_is_named() {
        let most = "18446744073709551615";
        assert_eq!(
            told("_byte = 300"),
            "invalid value: integer `300`, expected a whole number from 0 to 255"
        );
        assert_eq!(
            told("_amount = -1"),
            format!("invalid value: integer `-1`, expected a whole number from 0 to {most}")
        );
        assert_eq!(
            told("_amount = 18446744073709551616"),
            format!("invalid type: integer `18446744073709551616`, expected a whole number from 0 to {most}")
        );
        assert_eq!(told("_list = 5"), "invalid type: integer `5`, expected a list");
        assert_eq!(told("_list = [5]"), "invalid type: integer `5`, expected text in quotes");
        assert_eq!(told("_table = 5"), "invalid type: integer `5`, expected a table");
        assert_eq!(told("_yes = 5"), "invalid type: integer `5`, expected true or false");
        assert!(told("_no = 5").starts_with("unknown field `_no`"));
    }
}
