//! What came of a payment, for programs and for people.

use psk_chunking::DataProgress;
use psk_chunking::send::{Account, SendError, SendReport};
use psk_codec::psk::PaymentId;
use psk_codec::{DestinationAmount, SourceAmount};
use serde_json::{Value, json};

use crate::output::{amount, base64url, optional_amount};

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
        let error = self.report.error.as_ref().map(ToString::to_string);
        let delivered = self.data.map(|data| data.delivered);
        let account = &self.report.account;
        account_json(self.status_name(), self.report.payment_id, account, delivered, error.as_deref())
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
        if self.report.error.is_some() && source_sent > SourceAmount::ZERO {
            let lost = self.report.account.lost();
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
    let lost = (status != "completed").then(|| account.lost());
    json!({
        "status": status,
        "payment_id": base64url(payment_id.octets()),
        "source_sent": amount(account.source_sent),
        "delivered": amount(account.delivered),
        "unverified": amount(account.unverified),
        "in_doubt": amount(account.in_doubt),
        "refunded": amount(account.refunded),
        "lost": optional_amount(lost),
        "data_delivered": data_delivered,
        "chunks_fulfilled": account.chunks_fulfilled,
        "chunks_rejected": account.chunks_rejected,
        "error": error,
    })
}
