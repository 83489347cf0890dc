//! Text in HTML and SVG.

use std::fmt::{self, Write};

/// Text that comes from a file or a peer, as text and in attributes.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(letter)?,
                // No document may have them, not even escaped.
                letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                    f.write_char('\u{fffd}')?;
                }
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

/// Text of at most so many letters, with an ellipsis where there are more.
pub(super) struct Shortened<'a>(pub(super) &'a str, pub(super) usize);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text, most) = *self;
        if text.chars().count() <= most {
            return Escaped(text).fmt(f);
        }
        let kept: String = text.chars().take(most.saturating_sub(1)).collect();
        write!(f, "{}…", Escaped(&kept))
    }
}

/// A coordinate in tenths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tenths(pub(super) i64);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        match size % 10 {
            0 => write!(f, "{sign}{}", size / 10),
            tenth => write!(f, "{sign}{}.{tenth}", size / 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_text_becomes_markup() {
        assert_eq!(
            Escaped("<b a='1' c=\"2\">&\u{0}\u{1b}\n").to_string(),
            "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;\u{fffd}\u{fffd}\n"
        );
        assert_eq!(Shortened("a <long> name", 5).to_string(), "a &lt;l…");
        assert_eq!(Shortened("short", 5).to_string(), "short");
        assert_eq!([Tenths(-15), Tenths(20), Tenths(3)].map(|it| it.to_string()), ["-1.5", "2", "0.3"]);
    }
}
