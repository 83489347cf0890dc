//! What the codes of Rejects mean, and how they look.

/// A code, for people.
pub(super) struct Code {
    pub(super) code: &'static str,
    /// What it means, in a word or two.
    pub(super) meaning: &'static str,
    /// What it tells the sender of a payment, after "It means that".
    pub(super) tells: &'static str,
    /// The class of its colour, which is the same everywhere.
    pub(super) class: &'static str,
}

const fn code(code: &'static str, meaning: &'static str, class: &'static str, tells: &'static str) -> Code {
    Code { code, meaning, tells, class }
}

/// All that the network and the receivers here answer with.
pub(super) const CODES: [Code; 14] = [
    code("F00", "bad request", "c8", "somebody could not read the packet"),
    code("F02", "unreachable", "c8", "a connector knows no way to the receiver"),
    code(
        "F05",
        "wrong condition",
        "c6",
        "the receiver got a probe, which nobody can fulfill, or a connector got a fulfillment that does not fit",
    ),
    code("F06", "unexpected payment", "c8", "the receiver does not know what the packet is for"),
    code("F08", "too large", "c1", "the packet was larger than a connector takes; smaller ones are tried"),
    code(
        "F99",
        "refused by the receiver",
        "c5",
        "the packet arrived, the receiver does not take it, and says in its answer what arrived: so it answers probes",
    ),
    code(
        "R00",
        "timed out",
        "c3",
        "the packet expired on its way or its answer did not come: whether it arrived is not known",
    ),
    code("R01", "too little", "c7", "too little arrived, as when the rate has fallen"),
    code("R02", "too little time", "c11", "too little of the packet's time was left to forward it"),
    code("T00", "internal error", "c9", "a connector had trouble of its own; the packet is sent again"),
    code(
        "T01",
        "peer unreachable",
        "c10",
        "a connector's neighbour did not answer; the packet is sent again",
    ),
    code("T03", "connector busy", "c8", "a connector had too much to do; the packet is sent again"),
    code(
        "T04",
        "no liquidity",
        "c2",
        "a connector could not pay so much at that moment: less is put in flight at once; it costs time and no money",
    ),
    code(
        "T05",
        "too many packets",
        "c4",
        "packets came faster than a connector forwards them: fewer are put in flight at once; it costs time and no money",
    ),
];

fn find(code: &str) -> Option<&'static Code> {
    CODES.iter().find(|known| known.code == code)
}

/// What a code means, in a word or two; nothing of an unknown one.
pub(super) fn meaning(code: &str) -> &'static str {
    find(code).map_or("", |code| code.meaning)
}

/// What it tells the sender.
pub(super) fn tells(code: &str) -> &'static str {
    find(code).map_or("something that only those who answered know", |code| code.tells)
}

/// The class of its colour.
pub(super) fn class(code: &str) -> &'static str {
    find(code).map_or("c8", |code| code.class)
}
