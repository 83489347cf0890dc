//! What came of a payment, for programs and for people.

use psk_chunking::DataProgress;
use psk_chunking::send::{Account, SendError, SendReport};
use psk_codec::psk::PaymentId;
use psk_codec::psk::frame::CloseReason;
use psk_codec::{DestinationAmount, SourceAmount};
use serde_json::{Value, json};

use crate::output::{amount, base64url, optional_amount};
use crate::words;

/// A payment that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Paid {
    pub(crate) report: SendReport,
    /// How far the data is, if there was any for the receiver.
    pub(crate) data: Option<DataProgress>,
}

impl Paid {
    fn status_name(&self) -> &'static str {
        match &self.report.error {
            None => "completed",
            Some(SendError::Cancelled) => "cancelled",
            Some(SendError::IdleTimeout | SendError::TotalTimeout) => "timed_out",
            Some(SendError::InDoubt) => "in_doubt",
            Some(SendError::Unverified) => "unverified",
            Some(_) => "failed",
        }
    }

    pub(crate) fn status_words(&self) -> String {
        self.status_name().replace('_', " ")
    }

    pub(crate) fn to_json(&self) -> Value {
        let error = self.report.error.as_ref().map(words::of_payment);
        let delivered = self.data.map(|data| data.delivered);
        let account = &self.report.account;
        account_json(self.status_name(), self.report.payment_id, account, delivered, error.as_deref())
    }

    /// Whether there was data for the receiver, and it does not have it.
    pub(crate) fn data_is_missing(&self) -> bool {
        self.data.is_some_and(|data| !data.delivered)
    }

    /// Of a payment that completed: nobody should pay it again.
    pub(crate) fn why_data_is_missing(&self) -> String {
        let why = match self.data.and_then(|data| data.refused) {
            Some(CloseReason::DATA_TOO_LONG) => "it is longer than the receiver takes (its --max-data)",
            Some(CloseReason::PROTOCOL_VIOLATION) => "the receiver says that it contradicts itself",
            _ => "the receiver does not say that it has it, and may take none",
        };
        format!("the money is delivered, but not the data: {why}")
    }

    pub(crate) fn to_text(&self) -> String {
        let Account { source_sent, delivered, unverified, in_doubt, refunded, .. } = self.report.account;
        let mut text = format!(
            "{}: {source_sent} source units sent, {delivered} destination units delivered, in {} chunks ({} rejected)",
            self.status_words(),
            self.report.account.chunks_fulfilled,
            self.report.account.chunks_rejected,
        );
        if unverified > DestinationAmount::ZERO {
            text.push_str(&format!("; up to {unverified} more destination units unverified"));
        }
        if in_doubt > SourceAmount::ZERO {
            text.push_str(&format!("; {in_doubt} source units in doubt"));
        }
        let has_paid = self.report.account.committed() != Some(SourceAmount::ZERO);
        if self.report.error.is_some() && has_paid {
            let lost = lost_in_words(&self.report.account);
            text.push_str(&format!("; {refunded} source units refunded, {lost} lost"));
        }
        match self.data.map(|data| data.delivered) {
            Some(true) => text.push_str("; data delivered"),
            Some(false) => text.push_str("; data not delivered"),
            None => {}
        }
        text
    }
}

/// What is lost, or between what it lies.
fn lost_in_words(account: &Account) -> String {
    let least = account.lost();
    match account.lost_at_most() {
        Some(most) if most == least => least.to_string(),
        Some(most) => format!("{least} to {most}"),
        None => format!("at least {least}"),
    }
}

/// For a payment that could not begin.
pub(crate) fn nothing_sent(payment_id: PaymentId, error: &str) -> Value {
    account_json("failed", payment_id, &Account::default(), None, Some(error))
}

fn account_json(
    status: &str,
    payment_id: PaymentId,
    account: &Account,
    data_delivered: Option<bool>,
    error: Option<&str>,
) -> Value {
    // What has been paid for is not lost.
    let is_price = status != "completed";
    let lost = is_price.then(|| account.lost());
    let lost_at_most = account.lost_at_most().filter(|_| is_price);
    json!({
        "status": status,
        "payment_id": base64url(payment_id.octets()),
        "source_sent": amount(account.source_sent),
        "delivered": amount(account.delivered),
        "unverified": amount(account.unverified),
        "in_doubt": amount(account.in_doubt),
        "refunded": amount(account.refunded),
        "lost": optional_amount(lost),
        "lost_at_most": optional_amount(lost_at_most),
        "data_delivered": data_delivered,
        "chunks_fulfilled": account.chunks_fulfilled,
        "chunks_rejected": account.chunks_rejected,
        "error": error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source_sent: u64, in_doubt: u64, refunded: u64) -> (Value, String) {
        let account = Account {
            source_sent: SourceAmount::new(source_sent),
            in_doubt: SourceAmount::new(in_doubt),
            refunded: SourceAmount::new(refunded),
            ..Account::default()
        };
        let error = Some(SendError::Cancelled);
        let payment_id = PaymentId::new([7; 16]);
        let report = SendReport { payment_id, account, error, probes: 0, rate_changes: 0 };
        let paid = Paid { report, data: None };
        (paid.to_json(), paid.to_text())
    }

    #[test]
    fn a_loss_that_is_not_known_is_told_as_between_what_it_lies() {
        let (line, text) = told(1_000, 500, 1_300);
        assert_eq!((&line["in_doubt"], &line["refunded"]), (&json!("500"), &json!("1300")));
        assert_eq!((&line["lost"], &line["lost_at_most"]), (&json!("0"), &json!("200")));
        assert!(
            text.ends_with("; 500 source units in doubt; 1300 source units refunded, 0 to 200 lost"),
            "{text}"
        );
        let (line, text) = told(0, 500, 0);
        assert_eq!((&line["lost"], &line["lost_at_most"]), (&json!("0"), &json!("500")));
        assert!(text.ends_with("; 0 source units refunded, 0 to 500 lost"), "{text}");
        let (line, text) = told(1_000, 0, 400);
        assert_eq!((&line["lost"], &line["lost_at_most"]), (&json!("600"), &json!("600")));
        assert!(text.ends_with("; 400 source units refunded, 600 lost"), "{text}");
        assert!(!told(0, 0, 0).1.contains("lost"));
    }
}
