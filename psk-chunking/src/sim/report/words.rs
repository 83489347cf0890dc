//! What the words on the page mean.

use super::codes::CODES;

/// Each word and what it means, and what the codes of Rejects mean.
pub(super) fn glossary() -> String {
    let words = WORDS.iter().map(|(word, means)| format!("<dt>{word}</dt><dd>{means}</dd>"));
    let codes = CODES.iter().map(|code| {
        format!(
            "<li><i class=\"box {}\"></i><b>{}</b>, {}: {}.</li>",
            code.class, code.code, code.meaning, code.tells
        )
    });
    format!(
        "<dl>{}<dt>Codes of Rejects</dt><dd>F is final, T is temporary, R depends on the time or amount that is left.\
         <ul class=\"codes\">{}</ul></dd></dl>",
        words.collect::<String>(),
        codes.collect::<String>()
    )
}

const WORDS: [(&str, &str); 22] = [
    (
        "Packet, chunk",
        "A large payment is cut into chunks. Each travels in a packet of its own, a Prepare, from host to connector to \
         host, and comes back either fulfilled (the money has moved) or rejected (it has not).",
    ),
    (
        "Fulfill, Reject",
        "The two answers to a packet. A Fulfill proves that the receiver has it, and every connector on the way is paid \
         by it. A Reject has a code that says why nothing moved.",
    ),
    ("Host, connector", "A host pays or is paid; a connector forwards packets between its neighbours."),
    (
        "Probe",
        "A packet that cannot be fulfilled. It shows what the path takes and delivers, and moves nothing.",
    ),
    (
        "Source and destination units",
        "What the sender pays in, and what the receiver gets: the smallest amounts that the links at both ends of the path \
         have, such as 10^-9 XRP. Connectors exchange one for the other at a rate, keep a spread, and round down.",
    ),
    (
        "1 source unit",
        "One of the units that the sender pays in. The rate is how many destination units it brings.",
    ),
    ("Spread", "The share of every packet that a connector keeps for itself."),
    (
        "Liquidity",
        "What a connector can pay on to its next neighbour: so much at once, and so much more in every second. Packets \
         beyond it are rejected with T04.",
    ),
    (
        "Quote",
        "What a sender learns by probes before it decides to pay: the rate of the path and its largest packet. A payment \
         from a quote need not search its path again.",
    ),
    (
        "Slippage",
        "How far below the rate at its start a payment still goes on. Below that it waits, or fails.",
    ),
    ("In flight", "Sent, and not answered yet."),
    (
        "Window",
        "How much, or how many packets, the sender lets be in flight at once. It grows while all goes well and is cut when \
         the path says that it is too much.",
    ),
    (
        "Round trip",
        "The time of a packet to the receiver and of its answer back, when nothing holds them up.",
    ),
    (
        "Ideal",
        "The shortest possible time: one round trip, and the amount over the bandwidth of the path. Bandwidth is what the \
         narrowest connector lets through in a second, or the largest packets times how many the scenario lets be in \
         flight in a round trip, whichever is less; a path without limits could take all at once. Paths that can be used \
         at once add up. It is computed from the description of the network, not from the run.",
    ),
    (
        "Fair share",
        "The ideal of one of several payments: as if all of them began at once and shared every limit equally, and what \
         one does not need was shared by the others.",
    ),
    (
        "In doubt",
        "Sent, and no answer that tells came: nobody knows yet whether it arrived. It is never sent again as if it were \
         free.",
    ),
    (
        "Unverified",
        "Fulfilled, but the answer did not say how much arrived: beyond the minimum that was agreed it is only supposed.",
    ),
    ("Overshoot", "What the receiver got beyond the amount that it was to get."),
    (
        "Refund, came back",
        "A receiver may pay back what it got of a payment that failed. It travels as a payment of its own.",
    ),
    (
        "Owed, settled",
        "A connector may let a neighbour owe it only so much; when that is paid outside of Interledger, there is room again.",
    ),
    (
        "Virtual time",
        "The simulation has a clock of its own: nobody waits, and the same seed gives the same times.",
    ),
    (
        "Invariants",
        "What must hold after every step, whatever happens: no more leaves than the payer allowed, the sender never claims \
         more delivered than the receiver has, no chunk counts twice, and all accounts add up to zero.",
    ),
];
