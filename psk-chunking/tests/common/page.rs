//! The page of a run: that it is whole and well formed, and what parts of it say.

use psk_chunking::sim::{Outcome, Scenario, report};

/// Fails unless every element is closed in its order, every attribute is quoted, and every `&` begins an entity.
pub(crate) fn assert_well_formed(html: &str) {
    let body = html.strip_prefix("<!DOCTYPE html>").expect("it starts with its type");
    let mut open: Vec<&str> = Vec::new();
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        assert_text(&rest[..start]);
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "an element is closed that is not the last");
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        assert!(!name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric()), "{tag}");
        assert_attributes(&tag[name.len()..]);
        if !tag.ends_with('/') {
            open.push(name);
        }
        assert_ne!(name, "script");
    }
    assert_text(rest);
    assert!(open.is_empty(), "not closed: {open:?}");
}

fn assert_text(text: &str) {
    for (place, _) in text.match_indices('&') {
        let entity = text[place + 1..].split(';').next().unwrap();
        assert!(["amp", "lt", "gt", "quot", "#39"].contains(&entity), "&{entity:.20}");
    }
    let control = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
    assert!(!text.contains(control), "{text:?}");
}

fn assert_attributes(attributes: &str) {
    let attributes = attributes.strip_suffix('/').unwrap_or(attributes);
    let mut parts = attributes.split('"');
    while let Some(name) = parts.next().filter(|name| !name.is_empty()) {
        let name = name.trim().strip_suffix('=').expect("a name and a value");
        assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-'), "{name}");
        assert_text(parts.next().expect("a value in quotes"));
    }
}

/// The page of a run, after a look at what all pages have.
pub(crate) fn page(scenario: &Scenario, outcome: &Outcome) -> String {
    let html = report::html(scenario, outcome, None);
    assert_well_formed(&html);
    for part in
        ["id=\"result\"", "id=\"network\"", "id=\"words\"", "id=\"again\"", "psk simulate --seed 1 --trace"]
    {
        assert!(html.contains(part), "no {part}");
    }
    // Every place of the page that is linked is there.
    for link in html.split("href=\"#").skip(1) {
        let id = link.split('"').next().unwrap();
        assert_eq!(count(&html, &format!(" id=\"{id}\"")), 1, "{id}");
    }
    for outside in ["http:", "https:", "url(", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(!html.contains("NaN") && !html.contains("inf "));
    html
}

pub(crate) fn count(html: &str, what: &str) -> usize {
    html.matches(what).count()
}

/// One figure of a page: from its title to its end.
pub(crate) fn figure<'a>(html: &'a str, title: &str) -> &'a str {
    let start = html.find(&format!("<b>{title}")).unwrap_or_else(|| panic!("no {title}"));
    html[start..].split("</figure>").next().unwrap()
}

/// Whether all of these are in a text.
pub(crate) fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}
