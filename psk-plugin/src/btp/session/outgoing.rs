//! What waits to be written on a connection.

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_tungstenite::tungstenite::Message;

/// How many messages of a kind are taken at a time; more than fit one write of 64 KiB are of no use.
const BATCH: usize = 256;

/// Where messages are put that are to be written.
pub(super) struct Outgoing {
    requests: mpsc::Sender<Message>,
    /// Without a bound of its own: every answer comes with its room, of which there is so much.
    answers: mpsc::UnboundedSender<Answer>,
}

struct Answer {
    message: Message,
    /// Given back when the answer is taken to be written.
    _room: OwnedSemaphorePermit,
}

/// Where they come out.
pub(super) struct Queue {
    requests: mpsc::Receiver<Message>,
    answers: mpsc::UnboundedReceiver<Answer>,
}

impl Outgoing {
    /// At most so many requests wait in it.
    pub(super) fn new(requests: usize) -> (Self, Queue) {
        let (requests, requests_out) = mpsc::channel(requests);
        let (answers, answers_out) = mpsc::unbounded_channel();
        (Self { requests, answers }, Queue { requests: requests_out, answers: answers_out })
    }

    /// Waits for a place for a request; `None` when the connection is lost.
    pub(super) async fn reserve(&self) -> Option<mpsc::Permit<'_, Message>> {
        self.requests.reserve().await.ok()
    }

    /// Never waits: the room was there before the request was taken.
    pub(super) fn answer(&self, message: Message, room: OwnedSemaphorePermit) {
        // Fails when the connection is lost: nobody is there to be told.
        let _ = self.answers.send(Answer { message, _room: room });
    }
}

impl Queue {
    /// Waits until there is something to write, and takes it. Answers come first: they are what others wait for.
    pub(super) async fn fill(&mut self, batch: &mut Vec<Message>) {
        tokio::select! {
            biased;
            Some(answer) = self.answers.recv() => batch.push(answer.message),
            Some(message) = self.requests.recv() => batch.push(message),
            // Whoever could put something here is gone.
            else => std::future::pending().await,
        }
        self.top_up(batch);
    }

    /// Takes what is there, without waiting, as far as there is room in the batch: in each there is some for either
    /// kind, so that neither of them waits for the other to end.
    pub(super) fn top_up(&mut self, batch: &mut Vec<Message>) {
        while batch.len() < BATCH
            && let Ok(answer) = self.answers.try_recv()
        {
            batch.push(answer.message);
        }
        while batch.len() < 2 * BATCH
            && let Ok(message) = self.requests.try_recv()
        {
            batch.push(message);
        }
    }
}
